// Chat: one writes, the server answers; and ten thousand at a time.
import assert from "node:assert/strict";
import { eventually, isOpen, says, tabTo } from "./visit.mjs";

export async function messageIsSentAnsweredAndCopiedByMouse(visit) {
  const page = await visit.open("/chat");
  await isOpen(page);
  await field(page).fill("hello");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await says(page, "1 sent = 1 answered");
  assert.match(await conversation(page).innerText(), /hello\s+\d{1,3}/);
  assert.equal(await field(page).inputValue(), "", "what was sent has left the field");
  await conversation(page).getByRole("button", { name: "Copy the answer" }).click();
  await eventually(async () => /^hello \d{1,3}$/.test(await clipboard(page)), "the answer is copied");
  await visit.checkAccessible(page);
  await visit.picture(page, "chat-answered");
  await page.getByRole("button", { name: "Clear", exact: true }).click();
  await says(page, "Nothing was said yet");
}

export async function textIsNeverHtml(visit) {
  const page = await visit.open("/chat", { theme: "dark" });
  await isOpen(page);
  const text = '<img src="/nothing" onerror="globalThis.ran = true"><b>bold</b>';
  await field(page).fill(text);
  await page.keyboard.press("Enter");
  await says(page, "1 sent = 1 answered");
  await says(conversation(page), text);
  assert.equal(await conversation(page).locator("img").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.ran), undefined);
}

export async function messagesAreSentByKeyboard(visit) {
  const page = await visit.open("/chat", { phone: true });
  await isOpen(page);
  await tabTo(field(page));
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("line below");
  await page.keyboard.press("Enter");
  await says(page, "1 sent = 1 answered");
  await page.keyboard.type("two");
  await tabTo(page.getByRole("button", { name: "Send", exact: true }));
  await page.keyboard.press("Space");
  await says(page, "2 sent = 2 answered");
  await tabTo(page.getByRole("button", { name: "Send 100", exact: true }));
  await page.keyboard.press("Enter");
  await says(page, "All answered");
  assert.equal(await received(visit), 102);
  await visit.checkFits(page);
  await visit.checkAccessible(page);
}

export async function tenThousandAreAnsweredAndScrolledThrough(visit) {
  const page = await visit.open("/chat");
  await isOpen(page);
  await page.getByRole("button", { name: "Send 10,000" }).click();
  await says(page, "All answered");
  await says(page, "10,000 sent = 10,000 answered");
  assert.equal(await received(visit), 10_000);
  await says(conversation(page), "Server: message 10000");
  const rows = await conversation(page).getByRole("listitem").count();
  assert.ok(rows > 2 && rows < 100, `${rows} rows are in the document`);
  await visit.picture(page, "chat-10000");
  await visit.checkAccessible(page);
  // To the beginning and back, by hand and by the page's own way.
  await conversation(page).evaluate((list) => list.scrollTo({ top: 0 }));
  await says(conversation(page), "Server: message 1");
  await page.getByRole("button", { name: "Newest", exact: true }).click();
  await says(conversation(page), "Server: message 10000");
}

export async function whatWasNotAnsweredIsSentAgainAndNothingTypedIsLost(visit) {
  const page = await visit.open("/chat");
  await isOpen(page);
  await visit.freezeServer();
  await page.getByRole("button", { name: "Send 1,000" }).click();
  await says(page, "sent = 0 answered +");
  await field(page).fill("half a thought");
  await visit.killServer();
  await says(page, "No answer: the connection closed with 1006");
  await says(page, "reconnecting in");
  await visit.picture(page, "chat-away");
  assert.equal(await field(page).inputValue(), "half a thought");
  await field(page).press("Enter");
  assert.equal(await field(page).inputValue(), "half a thought", "it cannot be sent now, and stays");
  await visit.startServer();
  await says(page, "of 1,000 were not answered.");
  await isOpen(page);
  await page.getByRole("button", { name: /^Send [\d,]+ again$/ }).click();
  await says(page, "1,000 sent = 1,000 answered");
  await field(page).press("Enter");
  await says(page, "1,001 sent = 1,001 answered");
  assert.equal(await received(visit), 1_001);
}

export async function whatIsTooBigForTheServerIsNotOfferedAgain(visit) {
  const page = await visit.open("/chat");
  await isOpen(page);
  await field(page).fill("x".repeat((1 << 20) + 1));
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await says(page, "No answer: it is too big for this server.");
  await page.getByRole("main").getByText(/^1009, message too big: the limit is/).waitFor();
  assert.equal(await page.getByRole("button", { name: /again$/ }).count(), 1, "connecting again is all that is offered");
  await page.getByRole("button", { name: "Connect again" }).click();
  await isOpen(page);
}

function field(page) {
  return page.getByRole("textbox", { name: "Message" });
}

function conversation(page) {
  return page.getByRole("region", { name: "Messages and answers" });
}

function clipboard(page) {
  return page.evaluate(() => navigator.clipboard.readText());
}

function received(visit) {
  return visit.metric("wigwag_messages_received_total", { service: "random" });
}
