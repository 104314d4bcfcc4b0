// What holds on every page: axe, both themes, a phone, the keyboard, the state of the server.
import assert from "node:assert/strict";
import { eventually, isOpen, says, tabTo, topOf } from "./visit.mjs";

const PAGES = { Overview: "/", Random: "/random", Chat: "/chat", Stream: "/stream", Letters: "/letters", Console: "/console" };

export async function axeIsContentByDay(visit) {
  await checkAllAccessible(visit, await visit.open("/", { theme: "light" }), "light");
}

export async function axeIsContentByNight(visit) {
  await checkAllAccessible(visit, await visit.open("/", { theme: "dark" }), "dark");
}

export async function axeIsContentOnAPhoneAndNothingSticksOut(visit) {
  const page = await visit.open("/", { phone: true, hasTouch: true });
  await checkAllAccessible(visit, page, "phone");
  for (const title of Object.keys(PAGES)) {
    await goTo(page, title);
    await visit.checkFits(page);
  }
}

export async function eachPageHasAnAddressAndATitle(visit) {
  for (const [title, at] of Object.entries(PAGES)) {
    const page = await visit.open(at);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.title(), `${title} · wigwag`);
    const current = page.getByRole("navigation", { name: "Pages" }).locator("[aria-current=page]");
    assert.equal((await current.innerText()).trim(), title);
  }
  const lost = await visit.open("/nowhere");
  await lost.getByRole("heading", { level: 1, name: "There is no such page" }).waitFor();
  assert.equal(await lost.title(), "Not found · wigwag");
  await visit.checkAccessible(lost);
  await lost.getByRole("link", { name: "Go to the overview" }).click();
  await lost.getByRole("heading", { level: 1 }).waitFor();
}

export async function pagesAreReachedByKeyboard(visit) {
  const page = await visit.open("/");
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the page" });
  assert.ok(await skip.evaluate((link) => link === document.activeElement), "skipping the rail comes first");
  await page.keyboard.press("Enter");
  assert.ok(await page.getByRole("main").evaluate((main) => main === document.activeElement));
  for (const [title, at] of Object.entries(PAGES)) {
    await page.evaluate(() => document.activeElement?.blur());
    await tabTo(link(page, title));
    await page.keyboard.press("Enter");
    await eventually(async () => new URL(page.url()).hash === `#${at}`, `the address is #${at}`);
    await eventually(async () => (await page.title()).startsWith(title), `the title is ${title}`);
    if (at === "/") continue; // It was there already.
    await eventually(
      () => page.getByRole("main").evaluate((main) => main === document.activeElement),
      "the focus is on the page",
    );
  }
}

export async function themeFollowsTheSystemAndCanBeSwitched(visit) {
  const page = await visit.open("/", { theme: "dark" });
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const theme = page.getByRole("button", { name: /^Colours: / });
  const dark = await background();
  await page.emulateMedia({ colorScheme: "light" });
  const light = await background();
  assert.notEqual(dark, light, "the page follows the system");
  for (const [name, expected] of [
    ["light", light],
    ["dark", dark],
  ]) {
    await tabTo(theme);
    await page.keyboard.press("Enter");
    assert.match(await theme.getAttribute("aria-label"), new RegExp(`^Colours: ${name}`));
    assert.equal(await background(), expected);
  }
  await page.reload();
  assert.equal(await background(), dark, "the choice is remembered");
  await theme.click();
  assert.equal(await background(), light, "as the system again");
}

export async function everyPageSaysThatTheServerIsAwayAndComesBack(visit) {
  const page = await visit.open("/");
  const header = page.getByRole("banner");
  await header.getByText("open", { exact: true }).waitFor();
  // A page's own script is loaded when it is first opened.
  for (const title of Object.keys(PAGES)) await goTo(page, title);
  await visit.killServer();
  await header.getByText(/^(reconnecting in \d+ s|connecting)$/).waitFor();
  for (const title of Object.keys(PAGES)) {
    await goTo(page, title);
    await page.getByRole("heading", { level: 1 }).waitFor();
  }
  await visit.startServer();
  await header.getByText("open", { exact: true }).waitFor();
}

export async function nothingMovesWhenTheServerIsAwayAndTheReasonIsWhole(visit) {
  const open = [];
  for (const viewport of [{ width: 390, height: 844 }, { width: 1280, height: 800 }]) {
    for (const [title, at] of Object.entries(PAGES)) {
      if (title === "Console") continue; // It connects when it is told to, and has a place of its own for this.
      const page = await visit.open(at, { viewport });
      await isOpen(page);
      if (title === "Overview") await says(page, "Live figures");
      open.push({ what: `${title} at ${viewport.width} px`, page, top: await topOf(page) });
    }
  }
  await visit.killServer();
  for (const { what, page, top } of open) {
    const notice = page.locator("main header p", { hasText: /^attempt \d+; ./ });
    await notice.waitFor();
    assert.equal(await topOf(page), top, what);
    const cut = await notice.evaluate((one) => one.scrollHeight - one.clientHeight + one.scrollWidth - one.clientWidth);
    assert.ok(cut <= 0, `${what}: ${cut} px of the reason are cut off`);
    await visit.checkFits(page);
    await visit.picture(page, `away-${what.replaceAll(" ", "-").toLowerCase()}`);
  }
}

export async function whatScrollsInItselfIsNoTallerThanTheWindow(visit) {
  for (const theme of ["light", "dark"]) {
    const page = await visit.open("/", { viewport: { width: 1920, height: 1080 }, theme });
    for (const title of Object.keys(PAGES)) {
      await goTo(page, title);
      await visit.picture(page, `${title.toLowerCase()}-wide-${theme}`);
      if (title !== "Chat" && title !== "Console") continue;
      const tall = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
      assert.ok(tall <= 0, `${title} is ${tall} px taller than the window`);
    }
  }
}

async function checkAllAccessible(visit, page, picture) {
  for (const title of Object.keys(PAGES)) {
    await goTo(page, title);
    if (title !== "Console") await isOpen(page); // It connects when it is told to.
    await visit.checkAccessible(page);
    await visit.picture(page, `${title.toLowerCase()}-${picture}`);
  }
}

function link(page, title) {
  return page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: title, exact: true });
}

async function goTo(page, title) {
  await link(page, title).click();
  await eventually(async () => (await page.title()).startsWith(title), `the title is ${title}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}
