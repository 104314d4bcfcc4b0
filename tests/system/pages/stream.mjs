// Stream: a text comes back character by character, there and back, and then the count.
import assert from "node:assert/strict";
import { eventually, isOpen, says, tabTo } from "./visit.mjs";

const EXAMPLE = "The quick brown fox jumped over the lazy dog o";
const FAMILY = "👨‍👩‍👧‍👦";
const CLUSTERS = [FAMILY, "e\u0301", "🇩🇪", "👍🏽", "x", FAMILY];

export async function exampleTextFillsThreeLanesByMouse(visit) {
  const page = await visit.open("/stream");
  await isOpen(page);
  assert.equal(await field(page).inputValue(), EXAMPLE);
  await send(page).click();
  await eventually(async () => (await arrived(page, "Echo")).length > 3, "characters come one by one");
  assert.notEqual(await arrived(page, "Echo"), EXAMPLE, "one by one takes its time");
  await says(page, "characters/s, one every");
  await visit.picture(page, "stream-flowing");
  await says(lane(page, "Count"), "Last char 'o' count: 4");
  assert.equal(await arrived(page, "Echo"), EXAMPLE);
  assert.equal(await arrived(page, "Reverse"), [...EXAMPLE].reverse().join(""));
  await says(lane(page, "Echo"), "46 of 46");
  await says(texts(page), "answered");
  await says(texts(page), "93 of 93 messages");
  await visit.checkAccessible(page);
}

export async function whatAPersonSeesAsOneCharacterStaysWhole(visit) {
  const page = await visit.open("/stream", { theme: "dark", phone: true });
  await isOpen(page);
  await field(page).fill(CLUSTERS.join(""));
  const seen = await watch(page, "Echo");
  await send(page).click();
  await says(lane(page, "Count"), `Last char '${FAMILY}' count: 1`);
  await says(lane(page, "Reverse"), "6 of 6");
  assert.equal(await arrived(page, "Echo"), CLUSTERS.join(""));
  assert.equal(await arrived(page, "Reverse"), CLUSTERS.toReversed().join(""));
  const whole = new Set(["", ...CLUSTERS.map((_, index) => CLUSTERS.slice(0, index + 1).join(""))]);
  for (const state of await seen()) assert.ok(whole.has(state), `half a character was seen: ${JSON.stringify(state)}`);
  await visit.checkFits(page);
  await visit.checkAccessible(page);
}

export async function textIsSentAndStoppedByKeyboard(visit) {
  const page = await visit.open("/stream");
  await isOpen(page);
  await tabTo(field(page));
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("Hi o");
  await page.keyboard.press("Enter");
  await says(lane(page, "Count"), "Last char 'o' count: 0");
  await tabTo(page.getByRole("button", { name: "Example text" }));
  await page.keyboard.press("Enter");
  await tabTo(send(page));
  await page.keyboard.press("Space");
  await eventually(async () => (await arrived(page, "Echo")).startsWith("The"), "the example is being answered");
  await tabTo(page.getByRole("button", { name: "Stop" }));
  await page.keyboard.press("Enter");
  await says(texts(page), "stopped");
  await isOpen(page);
  assert.notEqual(await arrived(page, "Echo"), EXAMPLE);
}

export async function halfAnAnswerIsAskedForAgainAndNothingTypedIsLost(visit) {
  const page = await visit.open("/stream");
  await isOpen(page);
  await field(page).fill("The quick brown fox");
  await send(page).click();
  await eventually(async () => (await arrived(page, "Echo")).startsWith("The"), "the answer has begun");
  await field(page).fill("half a thought");
  await visit.killServer();
  await says(texts(page), "not finished");
  await says(page, "reconnecting in");
  assert.equal(await field(page).inputValue(), "half a thought");
  await visit.picture(page, "stream-away");
  await visit.startServer();
  await isOpen(page);
  await texts(page).getByRole("button", { name: "Send again" }).click();
  await says(lane(page, "Count"), "Last char 'x' count: 0");
  assert.equal(await arrived(page, "Echo"), "The quick brown fox");
  assert.equal(await field(page).inputValue(), "half a thought");
  await page.reload();
  await isOpen(page);
  assert.equal(await field(page).inputValue(), "half a thought");
}

function field(page) {
  return page.getByRole("textbox", { name: "Text to stream" });
}

function send(page) {
  return page.getByRole("button", { name: /^Send( after these)?$/ });
}

function lane(page, name) {
  return page.getByRole("group", { name, exact: true });
}

function texts(page) {
  return page.getByRole("list", { name: "Texts" });
}

function arrived(page, name) {
  return lane(page, name).locator("[data-arrived]").evaluate((element) => element.textContent);
}

/** Gathers every state that a lane is drawn in; gives the way to read them. */
async function watch(page, name) {
  await lane(page, name).evaluate((element) => {
    globalThis.states = [];
    const look = () => globalThis.states.push(element.querySelector("[data-arrived]").textContent);
    new MutationObserver(look).observe(element, { childList: true, characterData: true, subtree: true });
  });
  return () => page.evaluate(() => globalThis.states);
}
