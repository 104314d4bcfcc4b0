import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { probe, verdict } from "./probe";

/** What the page's own origin answers, by path. */
let answers: Record<string, { status: number; body: string }>;
const UPGRADE = { status: 426, body: '{"error":"upgrade_required","message":"use ws","status":426}' };

function url(path: string, { host = location.host, scheme = "ws" } = {}): URL {
  return new URL(`${scheme}://${host}${path}`);
}

function upstream(given: object) {
  const body = JSON.stringify({ status: "degraded", upstreams: [{ url: "ws://up.test/x", ...given }] });
  return { status: 200, body };
}

beforeEach(() => {
  vi.stubGlobal("fetch", (path: string) => {
    const answer = answers[path];
    return answer
      ? Promise.resolve(new Response(answer.body, { status: answer.status }))
      : Promise.reject(new TypeError("nobody"));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a handshake that failed", () => {
  it("behind a gateway is explained by the upstream of that very path", async () => {
    const away = { answers: false, detail: "connection refused" };
    answers = { "/far": UPGRADE, "/healthz": upstream({ ...away, paths: ["/far", "/ws"] }) };
    const why = "the upstream does not answer (connection refused)";
    expect(verdict(await probe(url("/far")))).toEqual({ why, final: false });
    answers = { ...answers, "/other": UPGRADE };
    expect(verdict(await probe(url("/other"))).why).toContain("the service is there");
    // A WebSocket request for the page's path is one for /ws.
    answers = { ...answers, "/": { status: 200, body: "<!doctype html>" } };
    expect(verdict(await probe(url("/"))).why).toBe(why);
  });

  it("of the root, where it has an upstream of its own, is not explained by that of /ws", async () => {
    const one = { url: "ws://one.test/", paths: ["/ws"], answers: true, detail: "101 in 1 ms" };
    const other = { url: "ws://other.test/", paths: ["/"], answers: false, detail: "connection refused" };
    answers = {
      "/": UPGRADE,
      "/healthz": { status: 200, body: JSON.stringify({ status: "degraded", upstreams: [one, other] }) },
    };
    expect(verdict(await probe(url("/"))).why).toBe("the upstream does not answer (connection refused)");
  });

  it("where the service is there stays unexplained", async () => {
    for (const body of ['{"status":"ok"}', "{", "[]", "null", '{"status":"ok","upstreams":[null,7,{}]}']) {
      answers = { "/x": UPGRADE, "/healthz": { status: 200, body } };
      expect(verdict(await probe(url("/x"))).why, body).toContain("the service is there");
    }
    answers = { "/x": UPGRADE, "/healthz": upstream({ paths: ["/x"], answers: true, detail: "101 in 1 ms" }) };
    expect(verdict(await probe(url("/x"))).why).toContain("the service is there");
  });

  it("because of the scheme says which one this server speaks", async () => {
    answers = {};
    const { host } = location;
    expect(host).toMatch(/:\d+$/);
    expect(verdict(await probe(url("/x", { scheme: "wss" })))).toEqual({
      why: "this server speaks plain ws:// here: use ws:// in the address",
      final: true,
    });
    // Without a port, wss:// means another one than http://.
    expect(await probe(url("/x", { scheme: "wss", host: location.hostname }))).toEqual({ kind: "unknown" });
    expect(await probe(url("/x"))).toEqual({ kind: "unreachable" });
  });
});
