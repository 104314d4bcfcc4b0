// The same pages from a gateway: each does what it does without, the server being another process.
import assert from "node:assert/strict";
import * as chat from "./chat.mjs";
import * as letters from "./letters.mjs";
import * as random from "./random.mjs";
import * as stream from "./stream.mjs";
import { eventually, isOpen, says } from "./visit.mjs";

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
