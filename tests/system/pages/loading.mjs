// How the pages come: small, compressed, kept by the browser, and from nowhere else.
import assert from "node:assert/strict";
import http from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const FIRST_LOAD_BYTES_MAX = 150_000;
/** The head of a 304. */
const SECOND_LOAD_BYTES_MAX = 2_000;
const PAGES = ["/", "/random", "/chat", "/stream", "/letters", "/console"];

export async function firstLoadOfEachPageIsUnder150kB(visit) {
  for (const at of PAGES) {
    const { bytes, files } = await load(visit, at);
    assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${at}: ${bytes} bytes in ${files.length} files: ${files.join(" ")}`);
    assert.ok(files.length > 1, "the page has scripts and styles");
  }
}

export async function secondLoadAsksForThePageAlone(visit) {
  const loaded = await load(visit, "/");
  const first = loaded.bytes;
  const [again] = await Promise.all([
    loaded.page.waitForResponse(`${visit.url}/`),
    loaded.page.reload(),
  ]);
  await isDrawn(loaded.page);
  assert.equal(again.headers()["cache-control"], "no-cache");
  const second = loaded.bytes - first;
  assert.ok(second < SECOND_LOAD_BYTES_MAX, `${second} bytes came again`);
}

export async function compressedFormsAreTheSameContent(visit) {
  const { files } = await load(visit, "/");
  let compressed = 0;
  for (const file of files) {
    const plain = await get(file, "identity");
    const [brotli, gzip] = [await get(file, "br"), await get(file, "gzip")];
    if (brotli.encoding === "br") {
      compressed += 1;
      assert.deepEqual(brotliDecompressSync(brotli.body), plain.body, file);
    }
    if (gzip.encoding === "gzip") assert.deepEqual(gunzipSync(gzip.body), plain.body, file);
    assert.equal(plain.encoding, undefined);
  }
  assert.ok(compressed > 1, "scripts and styles come compressed");
}

export async function nothingRunsThatThePolicyForbids(visit) {
  const page = await visit.open("/");
  const ran = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "globalThis.inlineScriptRan = true";
    document.body.append(script);
    const foreign = await fetch("http://127.0.0.1:9/").then(() => "fetched", () => "refused");
    return [globalThis.inlineScriptRan ?? false, foreign];
  });
  assert.deepEqual(ran, [false, "refused"]);
  const violated = await page.evaluate(() => globalThis.violations);
  assert.ok(violated.some((violation) => violation.startsWith("script-src")), violated.join());
  assert.ok(violated.some((violation) => violation.startsWith("connect-src")), violated.join());
  // These were ours.
  page.problems.length = 0;
  await page.evaluate(() => globalThis.violations.splice(0));
}

/** Opens a page in an empty browser: what came over the wire, headers included, and from where. */
async function load(visit, at) {
  const loaded = { page: null, bytes: 0, files: [] };
  loaded.page = await visit.open(at, {
    before: async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      session.on("Network.loadingFinished", ({ encodedDataLength }) => (loaded.bytes += encodedDataLength));
      page.on("response", (response) => loaded.files.push(response.url()));
    },
  });
  await isDrawn(loaded.page);
  return loaded;
}

/** All that a person waits for is there, and the live figures come. */
async function isDrawn(page) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByRole("banner").getByText("open", { exact: true }).waitFor();
}

function get(url, encoding) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers: { "accept-encoding": encoding }, agent: false }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) });
    });
    request.on("error", reject);
  });
}
