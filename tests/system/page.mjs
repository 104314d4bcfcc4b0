// The page in Chromium: node page.mjs http://HOST:PORT/ CHROMIUM SCREENSHOT-DIRECTORY
//
// Prints a line when each part holds. After "clicks hold" it waits on standard input for the line that says that the
// server has gone and come back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [url, executablePath, screenshots] = process.argv.slice(2);
const PATIENCE = 20_000;
const CLICKS = 20;

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

async function open(colorScheme, width = 1024) {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 720 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(`${error}`));
  page.on("requestfailed", (request) => page.problems.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => response.status() >= 400 && page.problems.push(`${response.status()} ${response.url()}`));
  page.on("request", (request) => request.url().startsWith(url) || page.problems.push(`foreign: ${request.url()}`));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  await page.goto(url);
  await ready(page);
  return page;
}

async function ready(page) {
  await page.waitForFunction(() => !document.querySelector("button").disabled);
}

async function isClean(page) {
  assert.deepEqual(page.problems, []);
  assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
}

// One more message was answered, and its answer is all that is shown.
async function answered(page, text, count) {
  await page.waitForFunction(
    (wanted) => document.querySelector("#count").textContent === wanted,
    `${count} sent = ${count} answered`,
  );
  const answer = await page.locator("#answer").textContent();
  const number = Number(new RegExp(`^${text} ([0-9]+)$`).exec(answer)?.[1]);
  assert.ok(number >= 1 && number <= 100, `${answer} is not ${text} and a number`);
}

async function clicks(page) {
  const button = page.getByRole("button", { name: "Send" });
  for (let count = 1; count <= CLICKS; count += 1) {
    await button.click();
    await answered(page, "hello", count);
  }
  // By keyboard: from the field with Enter, then on to the button with Tab and Space.
  await page.getByLabel("Message").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("typed");
  for (let count = CLICKS + 1; count <= 2 * CLICKS; count += 1) {
    if (count === CLICKS + 2) await page.keyboard.press("Tab");
    await page.keyboard.press(count === CLICKS + 1 ? "Enter" : "Space");
    await answered(page, "typed", count);
  }
}

const light = await open("light");
await isClean(light);
console.log("page holds");

await clicks(light);
await isClean(light);
await light.screenshot({ path: join(screenshots, "light.png") });
const dark = await open("dark");
await dark.getByRole("button", { name: "Send" }).click();
await answered(dark, "hello", 1);
await isClean(dark);
await dark.screenshot({ path: join(screenshots, "dark.png") });
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
assert.notEqual(await background(light), await background(dark));
const phone = await open("light", 360);
assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out on a phone");
await isClean(phone);
await phone.screenshot({ path: join(screenshots, "phone.png") });
console.log("clicks hold");

await once(createInterface({ input: process.stdin }), "line");
await ready(light);
await light.getByRole("button", { name: "Send" }).click();
await light.waitForFunction(() => /^typed [0-9]+$/.test(document.querySelector("#answer").textContent));
await light.waitForFunction(() => document.querySelector("#state").textContent === "open");
// Attempts to connect while the server is away are errors on the console, and right; violations never are.
assert.deepEqual(await light.evaluate(() => globalThis.violations), []);
console.log("recovery holds");
await browser.close();
process.exit(0);
