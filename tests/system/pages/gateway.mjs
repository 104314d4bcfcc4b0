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

export async function lettersStayOpenWhileTheServerBehindItRestarts(visit) {
  await visit.goThroughGateway({ replays: true });
  const page = await visit.open("/letters");
  const states = [];
  await page.exposeFunction("sawReconnecting", () => states.push("reconnecting"));
  await page.evaluate(() => {
    new MutationObserver(() => {
      if (document.body.innerText.includes("reconnecting in")) window.sawReconnecting();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await isOpen(page);
  await page.getByRole("button", { name: "Subscribe to all" }).click();
  await says(page, "26 of 26 subscribed");
  await visit.killServer();
  await visit.startServer();
  const numbers = () => page.getByRole("group", { name: "Letters" }).innerText();
  for (let change = 0; change < 2; change += 1) {
    const before = await numbers();
    await eventually(async () => (await numbers()) !== before, "the numbers change again");
  }
  assert.deepEqual(states, [], "the page never noticed");
}
