// The same pages from a gateway: each does what it does without, the server being another process.
import assert from "node:assert/strict";
import * as chat from "./chat.mjs";
import * as letters from "./letters.mjs";
import * as overview from "./overview.mjs";
import * as random from "./random.mjs";
import * as stream from "./stream.mjs";
import { eventually, isOpen, says, topOf } from "./visit.mjs";

export async function randomWorksThroughIt(visit) {
  await visit.goThroughGateway();
  await random.eachAnswerReplacesTheLastByMouse(visit);
}

export async function chatWorksThroughIt(visit) {
  await visit.goThroughGateway();
  await chat.tenThousandAreAnsweredAndScrolledThrough(visit);
}

export async function streamWorksThroughIt(visit) {
  await visit.goThroughGateway();
  await stream.whatAPersonSeesAsOneCharacterStaysWhole(visit);
}

export async function lettersWorkThroughIt(visit) {
  await visit.goThroughGateway();
  await letters.allLettersAreSubscribedToAndUpdatedByMouse(visit);
}

export async function overviewSaysThatItIsOneAndWhatIsRelayedWhere(visit) {
  const behind = visit.host;
  await visit.goThroughGateway();
  const page = await visit.open("/");
  await says(page, "as a gateway, running for");
  await page.getByRole("region", { name: "Gateway" }).waitFor();
  await says(overview.card(page, "/random"), `Relayed to ws://${behind}/random`);
  await overview.figuresMove(visit, page);
  const unnamed = overview.card(page, "/ws");
  await says(unnamed, "Whatever the server behind this gateway speaks.");
  await visit.checkAccessible(page);
  await visit.checkFits(page);
  await visit.picture(page, "overview-gateway");
  // What these pages do not know is tried in the Console, at its own path.
  await unnamed.getByRole("link", { name: "Try it" }).click();
  await page.getByRole("heading", { level: 1, name: "Console" }).waitFor();
  await eventually(async () => (await address(page).inputValue()) === `ws://${visit.host}/ws`, "its address is there");
  assert.equal(new URL(page.url()).hash, "#/console");
}

export async function consoleReachesWhatItNames(visit) {
  await visit.goThroughGateway();
  const page = await visit.open("/console?to=/ws", { theme: "dark" });
  await eventually(async () => (await address(page).inputValue()) === `ws://${visit.host}/ws`, "its address is there");
  const here = page.getByRole("group", { name: "Services of this server" });
  await here.getByRole("button", { name: "/ws", exact: true }).waitFor();
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await isOpen(page);
  await page.getByRole("textbox", { name: "Text to send" }).fill('{"action":"subscribe","letter":"A"}');
  await page.keyboard.press("Enter");
  await eventually(async () => /\{"A":\s?\d{4}\}/.test(await log(page).innerText()), "the letters service answers behind it");
  await visit.checkAccessible(page);
  await visit.killServer();
  await page.getByRole("region", { name: "Connection" }).getByText("held", { exact: true }).waitFor();
  await says(page.getByRole("region", { name: "Connection" }), "Held: the upstream does not answer (");
  await visit.startServer();
  await page.getByRole("region", { name: "Connection" }).getByText("open", { exact: true }).waitFor();
}

/** The browser's socket is open all the while, as far as the browser knows. */
export async function pagesSayThatTheyAreHeldWhileTheServerBehindItIsAway(visit) {
  await visit.goThroughGateway("--hold", "30s");
  const wide = await visit.open("/random");
  const phone = await visit.open("/letters", { phone: true });
  for (const page of [wide, phone]) await isOpen(page);
  const before = [await topOf(wide), await topOf(phone)];
  await visit.killServer();
  for (const page of [wide, phone]) {
    const main = page.getByRole("main");
    await main.getByText("held", { exact: true }).waitFor();
    await main.getByText(/^held: the upstream does not answer \(.+\)$/).waitFor();
    await page.getByRole("banner").getByText("upstream does not answer", { exact: true }).waitFor();
    await visit.checkAccessible(page);
    await visit.checkFits(page);
  }
  assert.deepEqual([await topOf(wide), await topOf(phone)], before, "nothing below has moved");
  await visit.picture(wide, "random-held");
  await visit.picture(phone, "letters-held");
  await wide.getByRole("button", { name: "Ask for a number" }).click();
  await says(wide, "1 asked = 0 answered + 1 waiting");
  await visit.startServer();
  await says(wide, "1 asked = 1 answered");
  for (const page of [wide, phone]) {
    await page.getByRole("main").getByText("open", { exact: true }).waitFor();
    await eventually(async () => !/does not answer/.test(await page.locator("body").innerText()), "it says so no more");
  }
}

export async function pageSaysThatNobodyIsBehindItWhereNothingIsHeld(visit) {
  visit.expected.push(/Unexpected response code: 50[24]/, /status of 426/, /^426 /);
  await visit.goThroughGateway("--hold", "0");
  const page = await visit.open("/random");
  await isOpen(page);
  await visit.killServer();
  await says(page.getByRole("main"), "the upstream does not answer (");
  await says(page.getByRole("main"), "reconnecting in");
  assert.doesNotMatch(await page.getByRole("main").innerText(), /handshake/);
  await visit.picture(page, "random-hold-0");
  await visit.startServer();
  await isOpen(page);
}

export async function pagesItServedBeforeItsServerWasThereWorkOnceItIs(visit) {
  await visit.killServer();
  await visit.goThroughGateway();
  const page = await visit.open("/letters");
  await page.getByRole("main").getByText("held", { exact: true }).waitFor();
  await letters.tile(page, "Q").click();
  await visit.startServer();
  await says(page, "1 of 26 subscribed");
  const before = await letters.number(page, "Q");
  await eventually(async () => (await letters.number(page, "Q")) !== before, "the number changes");
}

export async function lettersAreSubscribedToAgainWhenTheServerBehindItIsBack(visit) {
  await visit.goThroughGateway();
  const page = await visit.open("/letters");
  await isOpen(page);
  await letters.tile(page, "Q").click();
  await says(page, "1 of 26 subscribed");
  await visit.killServer();
  await says(page, "0 of 26 subscribed");
  await visit.startServer();
  await says(page, "1 of 26 subscribed");
  const before = await letters.number(page, "Q");
  await eventually(async () => (await letters.number(page, "Q")) !== before, "the number changes again");
  assert.equal(await letters.tile(page, "Q").getAttribute("aria-pressed"), "true");
}

/** What only a gateway can do: the page's socket stays open, and what it had said is said again behind it. */
export async function lettersNeverNoticeARestartWhereWhatTheySaidIsSaidAgain(visit) {
  await visit.goThroughGateway("--replay-on-reconnect");
  const page = await visit.open("/letters");
  let noticed = 0;
  await page.exposeFunction("notice", () => {
    noticed += 1;
  });
  await page.evaluate(() => {
    const look = () => document.body.innerText.includes("reconnecting in") && globalThis.notice();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await isOpen(page);
  await page.getByRole("button", { name: "Subscribe to all" }).click();
  await says(page, "26 of 26 subscribed");
  await visit.killServer();
  await visit.startServer();
  for (let change = 0; change < 2; change += 1) {
    const before = await letters.number(page, "M");
    await eventually(async () => (await letters.number(page, "M")) !== before, "the number changes again");
  }
  await says(page, "26 of 26 subscribed");
  assert.equal(noticed, 0);
}

function address(page) {
  return page.getByRole("textbox", { name: "Address" });
}

function log(page) {
  return page.getByRole("region", { name: "Log of messages" });
}
