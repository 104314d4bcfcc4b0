// Letters: 26 numbers to subscribe to, and a log of them in words.
import assert from "node:assert/strict";
import { eventually, isOpen, says, tabTo } from "./visit.mjs";

export async function allLettersAreSubscribedToAndUpdatedByMouse(visit) {
  const page = await visit.open("/letters");
  await isOpen(page);
  await says(page, "0 of 26 subscribed");
  await page.getByRole("button", { name: "Subscribe to all" }).click();
  await says(page, "26 of 26 subscribed");
  const before = await number(page, "M");
  await eventually(async () => (await number(page, "M")) !== before, "the number changes");
  await eventually(async () => (await log(page)).some((line) => /Letter Z updated with number \d{4}\.$/.test(line)), "the log says so");
  await visit.checkAccessible(page);
  await visit.picture(page, "letters-all");
  await page.getByRole("button", { name: "Unsubscribe from all" }).click();
  await says(page, "0 of 26 subscribed");
  assert.equal(await tile(page, "A").getAttribute("aria-pressed"), "false");
}

export async function serverIsHeardInItsOwnWords(visit) {
  const page = await visit.open("/letters", { theme: "dark" });
  await isOpen(page);
  await page.getByRole("combobox", { name: "Letter" }).selectOption("K");
  await page.getByRole("button", { name: "Unsubscribe", exact: true }).click();
  const words = "K: You need to subscribe before un-subscribing";
  await eventually(async () => (await log(page)).some((line) => line.includes(words)), "the log says it");
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  await says(page, "1 of 26 subscribed");
  assert.match(await number(page, "K"), /^[1-9]\d{3}$/);
  await visit.checkAccessible(page);
}

export async function lettersAreSubscribedToByKeyboard(visit) {
  const page = await visit.open("/letters");
  await isOpen(page);
  await tabTo(tile(page, "A"));
  await page.keyboard.press("Space");
  await says(page, "1 of 26 subscribed");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await says(page, "2 of 26 subscribed");
  await page.keyboard.press("q");
  await says(page, "3 of 26 subscribed");
  for (const letter of ["A", "B", "Q"]) {
    assert.equal(await tile(page, letter).getAttribute("aria-pressed"), "true", letter);
    assert.match(await number(page, letter), /^[1-9]\d{3}$/);
  }
  await page.keyboard.press("q");
  await says(page, "2 of 26 subscribed");
  // One of the 26 is in the way of Tab, not all.
  await page.keyboard.press("Tab");
  assert.ok(await tile(page, "R").evaluate((element) => element !== document.activeElement));
}

export async function subscriptionsAreMadeAgainWhenTheServerIsBack(visit) {
  const page = await visit.open("/letters", { phone: true });
  await isOpen(page);
  for (const letter of ["A", "Q"]) await tile(page, letter).click();
  await says(page, "2 of 26 subscribed");
  await visit.killServer();
  await says(page, "reconnecting in");
  await tile(page, "Z").click();
  await tile(page, "A").click();
  await visit.picture(page, "letters-away");
  await visit.startServer();
  await says(page, "2 of 26 subscribed");
  const before = await number(page, "Q");
  await eventually(async () => (await number(page, "Q")) !== before, "the number changes again");
  assert.match(await number(page, "Z"), /^[1-9]\d{3}$/);
  assert.equal(await tile(page, "A").getAttribute("aria-pressed"), "false");
  await visit.checkFits(page);
}

export function tile(page, letter) {
  return page.getByRole("group", { name: "Letters" }).getByRole("button", { name: `Letter ${letter}` });
}

/** What the tile's description says: its number. */
export function number(page, letter) {
  return tile(page, letter).evaluate(
    (element) => document.getElementById(element.getAttribute("aria-describedby")).textContent,
  );
}

function log(page) {
  return page.getByRole("region", { name: "Log of updates" }).getByRole("listitem").allInnerTexts();
}
