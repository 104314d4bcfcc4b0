import { describe, expect, it } from "vitest";
import { addressHere, parseAddress, parseSubprotocols, withoutCredentials } from "./address";

const HTTP = { protocol: "http:", host: "harbour.test:8765" };
const HTTPS = { protocol: "https:", host: "harbour.test" };

describe("an address", () => {
  it("is that of this server with the page's own security", () => {
    expect(addressHere("/echo", HTTP)).toBe("ws://harbour.test:8765/echo");
    expect(addressHere("/echo", HTTPS)).toBe("wss://harbour.test/echo");
  });

  it("may be any ws:// or wss:// URL, and http:// is understood", () => {
    for (const [typed, href] of [
      [" ws://127.0.0.1:8765/echo?a=b ", "ws://127.0.0.1:8765/echo?a=b"],
      ["wss://example.org", "wss://example.org/"],
      ["ws://[::1]:1/", "ws://[::1]:1/"],
      ["http://example.org/x", "ws://example.org/x"],
    ] as const) {
      const address = parseAddress(typed, HTTP);
      expect(address.kind === "good" && address.url.href, typed).toBe(href);
    }
    expect(parseAddress("http://example.org/x", HTTP)).toMatchObject({ remark: "Understood as ws://example.org/x" });
    expect(parseAddress("ws://a.test/#b", HTTP)).toMatchObject({ remark: expect.stringContaining("left out") });
  });

  it("that is none says what to do", () => {
    const cases: [string, string, string | undefined][] = [
      ["", "such as ws://harbour.test:8765/echo", undefined],
      ["localhost:8765/echo", "begin with ws://", "ws://localhost:8765/echo"],
      ["127.0.0.1", "begin with ws://", "ws://127.0.0.1"],
      ["ws:/127.0.0.1:9/x", "begin with ws://", "ws://127.0.0.1:9/x"],
      ["wss:a.test/x", "begin with ws://", "wss://a.test/x"],
      ["https//a.test/x", "begin with ws://", "wss://a.test/x"],
      ["ws:9", "begin with ws://", "ws://ws:9"],
      ["/echo", "whole address", "ws://harbour.test:8765/echo"],
      ["ftp://example.org", "ftp: is no WebSocket", undefined],
      ["ws://", "Check the host", undefined],
      ["ws://a b/", "Check the host", undefined],
      ["ws://a:99999/", "Check the host", undefined],
    ];
    for (const [typed, problem, suggestion] of cases) {
      const address = parseAddress(typed, HTTP);
      expect(address, typed).toMatchObject({ kind: "bad", problem: expect.stringContaining(problem) });
      expect(address.kind === "bad" && address.suggestion, typed).toBe(suggestion);
    }
  });

  it("with ws:// is refused on an https page before it is tried, with the reason", () => {
    expect(parseAddress("ws://example.org/x", HTTPS)).toMatchObject({
      kind: "bad",
      problem: expect.stringContaining("mixed content"),
      suggestion: "wss://example.org/x",
    });
    expect(parseAddress("wss://example.org/x", HTTPS)).toMatchObject({ kind: "good", remark: "" });
    expect(parseAddress("ws://127.0.0.1:1/", HTTPS)).toMatchObject({
      kind: "good",
      remark: expect.stringContaining("mixed content"),
    });
  });
});

describe("a user's name and password", () => {
  it("are left out of what is shown and remembered, and nothing else is", () => {
    for (const [address, shown] of [
      ["ws://user:pw@a.test/x?y@z", "ws://a.test/x?y@z"],
      ["wss://user@a.test", "wss://a.test"],
      ["ws://u:p@ss@a.test/", "ws://a.test/"],
      ["ws://a.test/@here", "ws://a.test/@here"],
      ["ws://a.test?user@here", "ws://a.test?user@here"],
      ["half a tho", "half a tho"],
    ] as const) {
      expect(withoutCredentials(address)).toBe(shown);
    }
  });
});

describe("subprotocols", () => {
  it("are tokens, each once", () => {
    expect(parseSubprotocols("")).toEqual({ protocols: [], problem: null });
    expect(parseSubprotocols("json, v1.x  y")).toEqual({ protocols: ["json", "v1.x", "y"], problem: null });
    expect(parseSubprotocols("a/b").problem).toContain("“a/b”");
    expect(parseSubprotocols("a,b,a").problem).toBe("“a” is there twice.");
  });
});
