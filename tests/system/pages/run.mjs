// Drives the pages in Chromium: node run.mjs CHROMIUM, then a line of JSON per flow on standard input:
//
//   {"flow": "random", "name": "answersByMouse", "url": "http://HOST:PORT", "pictures": DIRECTORY}
//
// A line of JSON comes back: {"held": true} or {"failed": WHY}. Before it may come wishes about the server, such as
// {"please": "kill"}; each is answered by a line, {"answer": …}. One browser serves all flows; each has contexts of its own.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { Visit } from "./visit.mjs";

const browser = await chromium.launch({
  executablePath: process.argv[2],
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

const lines = createInterface({ input: process.stdin });
const waiting = [];
lines.on("line", (line) => waiting.shift()?.(JSON.parse(line)));
const next = () => new Promise((take) => waiting.push(take));
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** The server's life is in the hands of whoever started this. */
async function ask(please, more = {}) {
  const answer = next();
  say({ please, ...more });
  return (await answer).answer;
}

async function hold({ flow, name, url, pictures }) {
  const visit = new Visit(browser, url, ask, pictures);
  try {
    const flows = await import(`./${flow}.mjs`);
    await flows[name](visit);
    await visit.checkClean();
    return { held: true };
  } catch (error) {
    return { failed: `${error.stack}\n${await visit.describe(`${flow}-${name}-failed`)}` };
  } finally {
    await visit.end();
  }
}

lines.once("close", () => browser.close().finally(() => process.exit(0)));
say({ ready: browser.version() });
for (;;) say(await hold(await next()));
