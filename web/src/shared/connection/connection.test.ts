import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeWebSockets } from "../testing/fake-web-socket";
import { BACKOFF_MAX_MS, backoffMs } from "./backoff";
import { closeInWords } from "./close-codes";
import { byteLength, Connection, type ConnectionOptions, webSocketUrl } from "./connection";
import { describeState } from "./describe";
import type { Finding } from "./probe";

const sockets = fakeWebSockets();
const URL_HERE = "ws://here.test/random";

function connectionWith(options: ConnectionOptions = {}, finding: Finding = { kind: "unreachable" }): Connection {
  const connection = new Connection(URL_HERE, { random: () => 1, probe: () => Promise.resolve(finding), ...options });
  connection.open();
  return connection;
}

/** Lets promises settle and timers run for so long. */
function pass(ms: number) {
  return vi.advanceTimersByTimeAsync(ms);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a connection", () => {
  it("opens, receives, sends and counts", () => {
    const connection = connectionWith();
    const received: unknown[] = [];
    connection.onMessage((message) => received.push(message.data));
    expect(connection.state).toEqual({ kind: "connecting", attempt: 1 });
    sockets.latest().accept("v1");
    expect(connection.state).toMatchObject({ kind: "open", protocol: "v1" });
    expect(connection.send("höi")).toBe("sent");
    sockets.latest().say("höi 42");
    expect(received).toEqual(["höi 42"]);
    expect(connection.counters).toEqual({ messagesIn: 1, messagesOut: 1, bytesIn: 7, bytesOut: 4, opens: 1, held: 0 });
  });

  it("refuses to send while it is not open, unless told to hold", () => {
    expect(connectionWith().send("a")).toBe("refused");
    const holding = connectionWith({ queue: { kind: "hold", messagesMax: 2, bytesMax: 10 } });
    expect(["a", "b", "c"].map((text) => holding.send(text))).toEqual(["held", "held", "refused"]);
    const order: string[] = [];
    holding.onOpen(() => {
      order.push("subscribe");
      holding.send("first");
    });
    sockets.latest().accept();
    expect(sockets.latest().sent).toEqual(["first", "a", "b"]);
    expect(order).toEqual(["subscribe"]);
    expect(holding.counters.held).toBe(0);
  });

  it("holds no more bytes than it was allowed", () => {
    const connection = connectionWith({ queue: { kind: "hold", messagesMax: 10, bytesMax: 4 } });
    expect(["abc", "de", "f"].map((text) => connection.send(text))).toEqual(["held", "refused", "held"]);
  });

  it("comes back by itself with growing waits, and counts down", async () => {
    const connection = connectionWith();
    sockets.latest().accept();
    sockets.latest().end(1006);
    expect(connection.state).toMatchObject({ kind: "reconnecting", inSeconds: 1, attempt: 2 });
    await pass(500);
    expect(connection.state).toEqual({ kind: "connecting", attempt: 2 });
    for (const wait of [1, 2, 4, 8, 16, 30, 30]) {
      sockets.latest().fail();
      await pass(0);
      expect(connection.state).toMatchObject({
        kind: "reconnecting",
        inSeconds: wait,
        why: "the server does not answer",
      });
      await pass(1000);
      if (wait > 1) expect(connection.state).toMatchObject({ inSeconds: wait - 1 });
      await pass((wait - 1) * 1000);
      expect(connection.state.kind).toBe("connecting");
    }
    sockets.latest().accept();
    expect(connection.state.kind).toBe("open");
    await pass(5_000);
    sockets.latest().end(1001);
    expect(connection.state).toMatchObject({ attempt: 2, why: "closed with 1001, going away" });
  });

  it("stays closed where coming back would not help", () => {
    for (const code of [1000, 1008, 1009]) {
      const connection = connectionWith();
      sockets.latest().accept();
      sockets.latest().end(code, "because");
      expect(connection.state).toMatchObject({ kind: "closed", code, reason: "because", byUs: false });
    }
    expect(
      describeState({ kind: "closed", code: 1009, meaning: "message too big", reason: "1 MiB", byUs: false }),
    ).toEqual({
      tone: "bad",
      word: "closed",
      detail: "1009, message too big: 1 MiB",
    });
  });

  it("does not say a code's name twice where the reason begins with it", () => {
    expect(closeInWords(1009, "message too big: the limit is 1 MiB")).toBe("1009, message too big: the limit is 1 MiB");
    expect(closeInWords(1001, "Going away")).toBe("1001, Going away");
    expect(closeInWords(1001, "")).toBe("1001, going away");
    const connection = connectionWith();
    sockets.latest().accept();
    sockets.latest().end(1012, "service restart");
    expect(connection.state).toMatchObject({ why: "closed with 1012, service restart" });
  });

  it("closes with the code and reason given, and stays closed", async () => {
    const connection = connectionWith();
    sockets.latest().accept();
    connection.close(4001, "enough");
    expect(sockets.latest().closedWith).toEqual({ code: 4001, reason: "enough" });
    expect(connection.state.kind).toBe("closing");
    sockets.latest().end(4001, "enough");
    await pass(60_000);
    expect(connection.state).toMatchObject({ kind: "closed", code: 4001, byUs: true });
    expect(sockets.all()).toHaveLength(1);
  });

  it("does not wait forever for the answer to its Close", async () => {
    const connection = connectionWith();
    const closes: unknown[] = [];
    connection.onClose((close) => closes.push(close));
    sockets.latest().accept();
    connection.close();
    await pass(5_000);
    expect(connection.state).toMatchObject({
      kind: "closed",
      code: 1006,
      byUs: true,
      reason: expect.stringContaining("our Close"),
    });
    expect(closes).toHaveLength(1);
    connection.open();
    expect(sockets.all()).toHaveLength(2);
  });

  it("can be closed while it waits", async () => {
    const connection = connectionWith();
    sockets.latest().fail();
    await pass(0);
    connection.close();
    await pass(60_000);
    expect(connection.state).toEqual({ kind: "idle" });
    expect(sockets.all()).toHaveLength(1);
  });

  it("says why it was refused, as far as plain HTTP tells, and stops asking", async () => {
    const connection = connectionWith({}, { kind: "answered", status: 404, message: "no such service" });
    sockets.latest().fail();
    await pass(60_000);
    expect(connection.state).toEqual({ kind: "refused", reason: "404: no such service" });
    expect(sockets.all()).toHaveLength(1);
    connection.retryNow();
    expect(sockets.all()).toHaveLength(2);
  });

  it("asks again after what may pass, and is honest about what it cannot know", async () => {
    const cases: [Finding, string][] = [
      [{ kind: "answered", status: 503, message: "too many connections" }, "503: too many connections"],
      [{ kind: "answered", status: 502, message: "" }, "the server answered 502"],
      [{ kind: "answered", status: 426, message: "use ws" }, "does not tell why, the server's log does"],
      [{ kind: "unknown" }, "the browser does not tell why"],
    ];
    for (const [finding, why] of cases) {
      const connection = connectionWith({}, finding);
      sockets.latest().fail();
      await pass(0);
      expect(connection.state).toMatchObject({ kind: "reconnecting", why: expect.stringContaining(why) });
      connection.dispose();
    }
  });

  it("gives an attempt up after its time, and hears that socket no more", async () => {
    const connection = connectionWith({ connectTimeoutMs: 3_000 });
    const first = sockets.latest();
    await pass(3_000);
    expect(connection.state).toMatchObject({ kind: "reconnecting", why: "no answer within 3 s" });
    first.accept();
    expect(connection.state.kind).toBe("reconnecting");
  });

  it("without reconnecting, ends where it fails", async () => {
    const connection = connectionWith({ reconnect: false });
    sockets.latest().fail();
    await pass(60_000);
    expect(connection.state).toEqual({ kind: "refused", reason: "the server does not answer" });
  });

  it("can be told to come back no more, even while it waits", async () => {
    const connection = connectionWith();
    sockets.latest().accept();
    sockets.latest().end(1006);
    expect(connection.state.kind).toBe("reconnecting");
    connection.reconnects = false;
    await pass(60_000);
    expect(connection.state).toEqual({ kind: "idle" });
    expect(sockets.all()).toHaveLength(1);
    connection.open();
    sockets.latest().accept();
    sockets.latest().end(1006);
    expect(connection.state).toMatchObject({ kind: "closed", code: 1006, byUs: false });
  });

  it("tells its readers once per frame, however much arrives", async () => {
    const connection = connectionWith();
    sockets.latest().accept();
    await pass(100);
    const told = vi.fn();
    connection.store.subscribe(told);
    for (let index = 0; index < 10_000; index += 1) sockets.latest().say("x");
    expect(told).not.toHaveBeenCalled();
    await pass(100);
    expect(told).toHaveBeenCalledTimes(1);
    expect(connection.store.get().counters.messagesIn).toBe(10_000);
  });
});

describe("the back-off", () => {
  it("lies between half and all of its ceiling, which is bounded", () => {
    for (let attempt = 1; attempt < 100; attempt += 1) {
      expect(backoffMs(attempt, 0)).toBe(backoffMs(attempt, 1) / 2);
      expect(backoffMs(attempt, 1)).toBeLessThanOrEqual(BACKOFF_MAX_MS);
    }
  });
});

describe("a connection that is left while it connects", () => {
  it("is closed once it is open, and heard no more", () => {
    const connection = connectionWith();
    const socket = sockets.latest();
    connection.dispose();
    expect(socket.closedWith).toBeNull();
    socket.accept();
    expect(socket.closedWith).not.toBeNull();
    expect(connection.state.kind).toBe("idle");
    expect(connection.counters.opens).toBe(0);
  });

  it("is closed at once where the server does not answer in time", async () => {
    const connection = connectionWith();
    const socket = sockets.latest();
    await pass(10_000);
    expect(socket.closedWith).not.toBeNull();
    expect(connection.state.kind).toBe("reconnecting");
  });
});

describe("an address", () => {
  it("may be a path, ws, or http", () => {
    expect(webSocketUrl("http://a.test/b#c").href).toBe("ws://a.test/b");
    expect(webSocketUrl("https://a.test/").href).toBe("wss://a.test/");
    expect(() => webSocketUrl("ftp://a.test/")).toThrow("not ws: or wss:");
  });

  it("counts text as UTF-8", () => {
    for (const text of ["", "abc", "ä€", "👩‍👩‍👧", "\ud800"]) {
      expect(byteLength(text), text).toBe(new TextEncoder().encode(text).length);
    }
  });
});
