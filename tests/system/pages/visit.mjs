// One flow's visit to the pages: opens them, and keeps account of everything that must not happen on any of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** How long anything may take; machines are busy. */
export const PATIENCE = 30_000;
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
/** What Chromium itself says of a server that is away. */
const OUTAGE = /^WebSocket connection to '.*' failed|net::ERR_CONNECTION_(REFUSED|RESET)|net::ERR_SOCKET_NOT_CONNECTED/;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export class Visit {
  #browser;
  #ask;
  #pictures;
  #contexts = [];
  #outage = false;
  /** Hosts besides the server's own to which this flow may open a WebSocket. */
  elsewhere = new Set();
  /** Problems that this flow makes on purpose. */
  expected = [];
  pages = [];

  constructor(browser, url, ask, pictures) {
    this.#browser = browser;
    this.#ask = ask;
    this.#pictures = pictures;
    this.url = url;
  }

  get host() {
    return new URL(this.url).host;
  }

  /**
   * A page in a browser that was never here before. `at` is what follows the `#`; `before` gets the page before it is
   * loaded; `more` goes to Playwright.
   */
  async open(at = "/", { theme = "light", phone = false, before, ...more } = {}) {
    const context = await this.#browser.newContext({
      colorScheme: theme,
      viewport: phone ? PHONE : WIDE,
      ignoreHTTPSErrors: true,
      permissions: ["clipboard-read", "clipboard-write"],
      ...more,
    });
    context.setDefaultTimeout(PATIENCE);
    this.#contexts.push(context);
    await context.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
      });
    });
    const page = await context.newPage();
    this.#watch(page);
    this.pages.push(page);
    await before?.(page);
    await page.goto(`${this.url}/#${at}`);
    return page;
  }

  /** As if the machine had lost power. */
  async killServer() {
    this.#outage = true;
    await this.#ask("kill");
  }

  /** It is there, and does nothing any more. */
  async freezeServer() {
    await this.#ask("freeze");
  }

  /** On the port that it had. */
  async startServer() {
    await this.#ask("start");
  }

  /** From here on the visit is to another server, which speaks TLS with a certificate that nobody knows. */
  async goToTlsServer() {
    this.url = await this.#ask("speak_tls");
  }

  /** From here on the visit is to a gateway that stands before the server, which is meant by all that is done to it still. */
  async goThroughGateway(...flags) {
    this.url = await this.#ask("put_gateway_before", { flags });
  }

  /** A figure of the server's /metrics. */
  async metric(name, labels = {}) {
    return this.#ask("metric", { name, labels });
  }

  /** A picture, for people to look at. */
  async picture(page, name) {
    if (this.#pictures) await page.screenshot({ path: join(this.#pictures, `${name}.png`) });
  }

  /** Fails if axe finds anything. */
  async checkAccessible(page) {
    // A colour on its way from one to the other is neither.
    await page.evaluate(() => {
      const passing = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
      return Promise.allSettled(passing.map((one) => one.finished));
    });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, help, nodes }) => {
      const where = nodes.map((node) => `  ${node.target.join(" ")}: ${node.failureSummary.replaceAll("\n", " ")}`);
      return [`${id}: ${help}`, ...where].join("\n");
    });
    assert.equal(found.join("\n"), "", "axe is content");
  }

  /** Nothing is wider than the window. */
  async checkFits(page) {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} px stick out on the right`);
  }

  /** Nothing went wrong on any page of this visit. */
  async checkClean() {
    for (const page of this.pages) {
      assert.deepEqual(page.problems, []);
      assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    }
  }

  /** For a report: what each page says, and a picture of it. */
  async describe(name) {
    const parts = [];
    for (const [index, page] of this.pages.entries()) {
      await this.picture(page, `${name}-${index}`).catch(() => {});
      const text = await page.locator("body").innerText({ timeout: 1000 }).catch(String);
      parts.push(`--- ${page.url()} ${JSON.stringify(page.problems)}\n${text.slice(0, 4000)}`);
    }
    return parts.join("\n");
  }

  async end() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }

  #watch(page) {
    const problems = [];
    page.problems = problems;
    const problem = (text) => {
      const expected = this.#outage ? [OUTAGE, ...this.expected] : this.expected;
      if (!expected.some((pattern) => pattern.test(text))) problems.push(text);
    };
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && problem(message.text()));
    page.on("pageerror", (error) => problem(`${error.stack ?? error}`));
    page.on("requestfailed", (request) => {
      // What was on its way when the page was left or loaded again.
      if (request.failure()?.errorText === "net::ERR_ABORTED") return;
      problem(`${request.failure()?.errorText} ${request.url()}`);
    });
    page.on("response", (response) => response.status() >= 400 && problem(`${response.status()} ${response.url()}`));
    page.on("request", (request) => this.#checkHost(request.url(), problem));
    page.on("websocket", (socket) => this.#checkHost(socket.url(), problem));
  }

  #checkHost(url, problem) {
    const { host, protocol } = new URL(url);
    const own = host === this.host || protocol === "blob:";
    if (!own && !this.elsewhere.has(host)) problem(`goes elsewhere: ${url}`);
  }
}

/** Presses Tab until the element has the focus, and checks that one sees so. */
export async function tabTo(locator, presses = 120) {
  const page = locator.page();
  for (let press = 0; press < presses; press += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return checkFocusRing(locator);
    await page.keyboard.press("Tab");
  }
  assert.fail(`not reached by ${presses} presses of Tab: ${locator}`);
}

/** The condition holds sooner or later. */
export async function eventually(condition, what) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const result = await condition();
    if (result) return result;
    assert.ok(Date.now() < deadline, `not within ${PATIENCE / 1000} s: ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

/** These words are seen on the page, or on a part of it; white space does not count, which layout may make and unmake. */
export async function says(pageOrPart, words) {
  const part = "goto" in pageOrPart ? pageOrPart.locator("body") : pageOrPart;
  const compact = (text) => text.replace(/\s/gu, "");
  await eventually(async () => compact(await part.innerText()).includes(compact(words)), `it says "${words}"`);
}

/** The page's own connection is open. */
export async function isOpen(page) {
  await page.getByRole("main").locator("[data-state=open]").waitFor();
}

/** Where what follows the page's header begins: it is not to move when the header says something else. */
export function topOf(page) {
  return page.evaluate(() => document.querySelector("main header").nextElementSibling.getBoundingClientRect().top);
}

async function checkFocusRing(locator) {
  const ring = await locator.evaluate((element) => {
    // A field may show the ring on what surrounds it.
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
      if ((outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none") return true;
    }
    return false;
  });
  assert.ok(ring, `the focus is not to be seen on ${locator}`);
}
