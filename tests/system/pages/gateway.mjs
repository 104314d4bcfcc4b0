// Through a gateway that says again what was said: what only such a server can do. Its upstream is what is killed here.
import assert from "node:assert/strict";
import { eventually, isOpen, says } from "./visit.mjs";

export async function lettersStayOpenWhileTheServerRestarts(visit) {
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
