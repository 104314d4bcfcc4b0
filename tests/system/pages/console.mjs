// Console: any WebSocket by hand, and everything that passes.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { eventually, isOpen, says, tabTo } from "./visit.mjs";

export async function textJsonAndBytesPassAndAreFilteredByMouse(visit) {
  const page = await visit.open("/console");
  assert.equal(await address(page).inputValue(), `ws://${visit.host}/echo`);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await isOpen(page);
  await sendEachKind(page);
  await visit.picture(page, "console-busy");
  await visit.checkAccessible(page);

  await page.getByRole("combobox", { name: "Type" }).selectOption({ label: "Binary" });
  await eventually(async () => (await messages(page).count()) === 4, "bytes and a file, there and back");
  await page.getByRole("combobox", { name: "Type" }).selectOption({ label: "Any type" });
  await page.getByRole("searchbox", { name: "Filter by text" }).fill("naïve");
  await eventually(async () => (await messages(page).count()) === 2, "the text, there and back");
  await messages(page).first().click();
  await says(log(page), "naïve ☃ 𝄞");
  await page.getByRole("searchbox", { name: "Filter by text" }).fill("");
}

export async function logIsPausedAndExported(visit) {
  const page = await visit.open("/console", { theme: "dark" });
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await isOpen(page);
  await sendEachKind(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("tab", { name: "Text" }).click();
  await text(page).fill("meanwhile");
  await page.keyboard.press("Enter");
  await says(page, "2 waiting");
  assert.ok(!(await log(page).innerText()).includes("meanwhile"));
  await page.getByRole("button", { name: "Resume" }).click();
  await says(log(page), "meanwhile");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export", exact: true }).click(),
  ]);
  assert.match(file.suggestedFilename(), /\.ndjson$/);
  const lines = (await readFile(await file.path(), "utf8")).trimEnd().split("\n").map((line) => JSON.parse(line));
  const passed = lines.filter(({ direction }) => direction !== "event");
  assert.equal(passed.length, 10);
  for (const direction of ["in", "out"]) {
    const here = passed.filter((line) => line.direction === direction);
    assert.deepEqual(
      here.map(({ type }) => type).sort(),
      ["binary", "binary", "json", "text", "text"],
    );
    assert.ok(here.some(({ data }) => data === "naïve ☃ 𝄞") && here.some(({ base64 }) => base64 === "AP8Q"));
  }
  assert.ok(passed.every(({ time, bytes }) => !Number.isNaN(Date.parse(time)) && bytes > 0));
  await visit.checkAccessible(page);
}

export async function connectionIsOpenedUsedAndClosedByKeyboard(visit) {
  const page = await visit.open("/console");
  await tabTo(address(page));
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(`ws://${visit.host}/random`);
  await page.keyboard.press("Enter");
  await isOpen(page);
  await tabTo(text(page));
  await page.keyboard.type("by hand");
  await page.keyboard.press("Enter");
  await eventually(async () => /by hand \d{1,3}/.test(await log(page).innerText()), "the answer is in the log");
  await tabTo(page.getByRole("textbox", { name: "Close code" }));
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("3001");
  await page.keyboard.press("Tab");
  await page.keyboard.type("done");
  await page.keyboard.press("Enter");
  await says(log(page), "3001");
  await page.getByRole("main").getByText("closed", { exact: true }).waitFor();
  assert.equal(await visit.metric("wigwag_closes_total", { code: "3001" }), 1);
}

export async function refusalIsExplained(visit) {
  // The browser itself says on its console that a handshake failed, and that a GET was answered with 404.
  visit.expected.push(/Unexpected response code: 404/, /status of 404/, /^404 /, /net::ERR_SSL_PROTOCOL_ERROR/);
  const page = await visit.open("/console", { phone: true });
  await address(page).fill("nonsense://");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  assert.equal(await address(page).getAttribute("aria-invalid"), "true");
  await visit.checkAccessible(page);
  await address(page).fill(`ws://${visit.host}/nothing`);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByRole("main").getByText("refused", { exact: true }).waitFor();
  await says(page, "no page and no service has this path");
  await address(page).fill(`wss://${visit.host}/echo`);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await says(page, "This server speaks plain ws:// here: use ws:// in the address.");
  await visit.checkFits(page);
  await visit.checkAccessible(page);
}

export async function pageFromHttpsSaysThatPlainWebSocketsAreBlocked(visit) {
  const plain = visit.host;
  await visit.goToTlsServer();
  const page = await visit.open("/console");
  await address(page).fill(`ws://${plain}/echo`);
  await says(page, "browsers block unencrypted ws://");
  await address(page).fill(`wss://${visit.host}/echo`);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await isOpen(page);
}

export async function connectionComesBackAndNothingTypedIsLost(visit) {
  const page = await visit.open("/console");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await isOpen(page);
  await text(page).fill("half a thought");
  await visit.killServer();
  await says(page, "reconnecting in");
  await visit.picture(page, "console-away");
  await text(page).press("Enter");
  assert.equal(await text(page).inputValue(), "half a thought", "it cannot be sent now, and stays");
  await visit.startServer();
  await isOpen(page);
  await text(page).press("Enter");
  await eventually(async () => (await messages(page).count()) === 2, "it went out and came back");
}

/** One of each kind to /echo, and waits for all of them. */
async function sendEachKind(page) {
  const send = page.getByRole("button", { name: "Send", exact: true });
  await text(page).fill("naïve ☃ 𝄞");
  await send.click();
  await page.getByRole("tab", { name: "JSON" }).click();
  const json = page.getByRole("textbox", { name: "JSON to send" });
  await json.fill('{"a":');
  await says(page, "Line 1, column 6");
  await json.fill('{"a":[1,2]}');
  await send.click();
  await page.getByRole("tab", { name: "Binary" }).click();
  await page.getByRole("textbox", { name: "Bytes to send, as hex" }).fill("00 ff 10");
  await send.click();
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));
  await page.getByLabel("File to send").setInputFiles({ name: "bytes.bin", mimeType: "application/octet-stream", buffer: bytes });
  await send.click();
  await says(page, "4 in");
  await says(page, "4 out");
}

function address(page) {
  return page.getByRole("textbox", { name: "Address" });
}

function text(page) {
  return page.getByRole("textbox", { name: "Text to send" });
}

function log(page) {
  return page.getByRole("region", { name: "Log of messages" });
}

/** The lines that are messages; events are none. */
function messages(page) {
  return log(page).getByRole("listitem").filter({ hasText: /sent|received/ }).getByRole("button");
}
