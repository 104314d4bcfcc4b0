// Random: one button, whose answer replaces the last one.
import assert from "node:assert/strict";
import { eventually, isOpen, says, tabTo } from "./visit.mjs";

const CLICKS = 20;

export async function eachAnswerReplacesTheLastByMouse(visit) {
  const page = await visit.open("/random");
  await isOpen(page);
  for (let count = 1; count <= CLICKS; count += 1) {
    await ask(page).click();
    await answered(page, count);
  }
  assert.equal(await received(visit), CLICKS);
  await page.getByRole("button", { name: "Ask 100 times" }).click();
  await says(page, `${CLICKS + 100} asked = ${CLICKS + 100} answered`);
  await visit.checkAccessible(page);
  await visit.picture(page, "random-answered");
  await page.getByRole("button", { name: "Start over" }).click();
  await says(page, "0 asked = 0 answered");
}

export async function eachAnswerReplacesTheLastByKeyboard(visit) {
  const page = await visit.open("/random", { theme: "dark" });
  await isOpen(page);
  // Wherever the focus is.
  for (const [index, key] of ["Space", "Enter", "Space"].entries()) {
    await page.keyboard.press(key);
    await answered(page, index + 1);
  }
  await tabTo(ask(page));
  for (const [index, key] of ["Space", "Enter"].entries()) {
    await page.keyboard.press(key);
    await answered(page, index + 4);
  }
  await tabTo(page.getByRole("button", { name: "Ask 100 times" }));
  await page.keyboard.press("Enter");
  await says(page, "105 asked = 105 answered");
  assert.equal(await received(visit), 105);
  await visit.checkAccessible(page);
}

export async function whatIsAskedWhileTheServerIsAwayIsAskedWhenItIsBack(visit) {
  const page = await visit.open("/random");
  await isOpen(page);
  await ask(page).click();
  await answered(page, 1);
  await visit.killServer();
  await says(page, "reconnecting in");
  await ask(page).click();
  await ask(page).click();
  await says(page, "3 asked = 1 answered + 2 waiting");
  await visit.picture(page, "random-away");
  await visit.startServer();
  await answered(page, 3);
  assert.equal(await received(visit), 2);
}

export async function answersComeOverTls(visit) {
  await visit.goToTlsServer();
  const page = await visit.open("/random");
  await isOpen(page);
  await ask(page).click();
  await answered(page, 1);
}

function ask(page) {
  return page.getByRole("button", { name: "Ask for a number" });
}

async function answered(page, count) {
  await says(page, `${count} asked = ${count} answered`);
  const answer = page.getByRole("main").getByRole("status").filter({ hasText: /^\d+$/ });
  await eventually(async () => {
    const number = Number(await answer.innerText());
    return number >= 1 && number <= 100;
  }, "a number from 1 to 100 is shown");
}

function received(visit) {
  return visit.metric("wigwag_messages_received_total", { service: "random" });
}
