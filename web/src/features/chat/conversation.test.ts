import { describe, expect, it } from "vitest";
import { answerTo, asText, Conversation, HISTORY_ENTRIES_MAX, wellFormed } from "./conversation";

describe("an answer", () => {
  it("is the message, a space, and a number from 1 to 100; nothing else is one", () => {
    const cases: [string, string, number | null][] = [
      ["hello", "hello 42", 42],
      ["hello", "hello 1", 1],
      ["hello", "hello 100", 100],
      ["", " 7", 7],
      ["a 1", "a 1 2", 2],
      ["zwei\nZeilen 👩‍👩‍👧", "zwei\nZeilen 👩‍👩‍👧 9", 9],
      ["hello", "hello 0", null],
      ["hello", "hello 101", null],
      ["hello", "hello 042", null],
      ["hello", "hello  4", null],
      ["hello", "hello42", null],
      ["hello", "jello 42", null],
      ["hello", "hello", null],
      ["hello", "hello 42\n", null],
    ];
    for (const [question, data, number] of cases) expect(answerTo(question, data), data).toBe(number);
  });
});

describe("a conversation", () => {
  it("gives each answer to the oldest message that it fits, equal texts in order", () => {
    const conversation = new Conversation();
    const [first, second] = [conversation.say("x", 0), conversation.say("x", 1)];
    expect(conversation.heard("x 5", 10)).toBe(first);
    expect(conversation.heard("x 6", 11)).toBe(second);
    expect([first.number, second.number]).toEqual([5, 6]);
    expect(conversation.counts).toEqual({ sent: 2, answered: 2, failed: 0, waiting: 0 });
  });

  it("says which messages were passed over, and shows what answers none", () => {
    const conversation = new Conversation();
    const [lost, answered] = [conversation.say("a", 0), conversation.say("b", 0)];
    expect(conversation.heard("b 1", 5)).toBe(answered);
    expect(lost).toMatchObject({ delivery: "failed", why: "a later message was answered first" });
    expect(conversation.heard("a 1", 6)).toBeNull();
    expect(conversation.heard(new ArrayBuffer(3), 7)).toBeNull();
    expect(conversation.log.entries.filter(({ kind }) => kind === "stray")).toMatchObject([
      { text: "a 1" },
      { text: "3 bytes of binary" },
    ]);
    expect(conversation.counts).toEqual({ sent: 2, answered: 1, failed: 1, waiting: 0 });
  });

  it("takes a message for sent once the browser has handed it over", () => {
    const conversation = new Conversation();
    const exchanges = [conversation.say("a", 0), conversation.say("b", 0)];
    exchanges.forEach((exchange, index) => {
      exchange.endOffset = 10 * (index + 1);
    });
    expect(conversation.handedOver(10)).toBe(true);
    expect(exchanges.map(({ delivery }) => delivery)).toEqual(["sent", "sending"]);
    expect(conversation.handedOver(20)).toBe(false);
    expect(exchanges.map(({ delivery }) => delivery)).toEqual(["sent", "sent"]);
  });

  it("fails what was under way when the connection is lost, and takes no later answer for it", () => {
    const conversation = new Conversation();
    const exchange = conversation.say("a", 0);
    conversation.lost("the connection closed with 1006", 5);
    expect(exchange).toMatchObject({ delivery: "failed", why: "the connection closed with 1006" });
    expect(conversation.heard("a 1", 6)).toBeNull();
    expect(conversation.counts).toEqual({ sent: 1, answered: 0, failed: 1, waiting: 0 });
  });

  it("sends a failed message again in its place, once", () => {
    const conversation = new Conversation();
    const exchange = conversation.say("a", 0);
    conversation.say("b", 0);
    conversation.lost("lost", 1);
    expect(conversation.sayAgain(exchange, 100)).toBe(true);
    expect(conversation.sayAgain(exchange, 100)).toBe(false);
    expect(conversation.counts).toEqual({ sent: 2, answered: 0, failed: 1, waiting: 1 });
    conversation.heard("a 3", 103);
    expect(exchange).toMatchObject({ delivery: "answered", attempt: 2, number: 3, sentAtMs: 100 });
    expect(conversation.failed().map(({ text }) => text)).toEqual(["b"]);
    expect(conversation.log.size).toBe(2);
  });

  it("accounts for a run to the last message, also over a loss", () => {
    const conversation = new Conversation();
    const run = conversation.begin(10, "m", 0);
    for (let index = 0; index < 6; index += 1) conversation.sayNext(run, index);
    conversation.heard("m 1 5", 10);
    conversation.lost("lost", 20);
    expect(run.endedAtMs).toBeNull();
    for (let index = 0; index < 4; index += 1) conversation.sayNext(run, 30);
    for (const index of [7, 8, 9, 10]) conversation.heard(`m ${index} 1`, 40);
    expect(run).toMatchObject({ endedAtMs: 40, counts: { sent: 10, answered: 5, failed: 5, waiting: 0 } });
    expect(conversation.failed().map(({ text }) => text)).toEqual(["m 2", "m 3", "m 4", "m 5", "m 6"]);
  });

  it("ends a stopped run with the last answer that is still to come", () => {
    const conversation = new Conversation();
    const run = conversation.begin(10, "m", 0);
    conversation.sayNext(run, 0);
    conversation.stop(5);
    expect(run).toMatchObject({ stopped: true, endedAtMs: null });
    conversation.heard("m 1 1", 6);
    expect(run.endedAtMs).toBe(6);
  });

  it("keeps its bounds, and counts what gave way", () => {
    const conversation = new Conversation();
    const run = conversation.begin(30_000, "m", 0);
    for (let index = 1; index <= 30_000; index += 1) {
      conversation.sayNext(run, 0);
      conversation.heard(`m ${index} 1`, 1);
    }
    expect(conversation.log.size).toBeLessThanOrEqual(HISTORY_ENTRIES_MAX);
    expect(conversation.log.size + conversation.log.dropped).toBe(30_000);
    expect(run.counts.answered).toBe(30_000);
    const long = "x".repeat(1 << 20);
    for (let index = 0; index < 20; index += 1) conversation.say(long, 2);
    expect(conversation.log.size).toBeLessThan(9);
  });

  it("gives percentiles of the latest round trips, and none before there is one", () => {
    const conversation = new Conversation();
    expect(conversation.roundTrips()).toEqual({ lastMs: null, p50Ms: null, p99Ms: null, maxMs: null });
    for (let index = 1; index <= 2_000; index += 1) {
      conversation.say("a", 0);
      conversation.heard("a 1", index);
    }
    expect(conversation.roundTrips()).toEqual({ lastMs: 2_000, p50Ms: 1_500, p99Ms: 1_990, maxMs: 2_000 });
  });

  it("forgets what was said, but not what is under way", () => {
    const conversation = new Conversation();
    conversation.say("a", 0);
    conversation.heard("a 1", 1);
    const under = conversation.say("b", 2);
    conversation.clear();
    expect(conversation.log.size).toBe(0);
    expect(conversation.heard("b 1", 3)).toBe(under);
    expect(conversation.counts).toEqual({ sent: 1, answered: 1, failed: 0, waiting: 0 });
  });

  it("can be copied as text", () => {
    const conversation = new Conversation();
    conversation.say("a", 0);
    conversation.heard("a 1", 1);
    conversation.say("b", 2);
    conversation.lost("lost", 3);
    conversation.note("Connected again.", 4);
    expect(asText(conversation.log.entries, (at) => `t${at}`)).toBe(
      "t0 > a\nt1 < a 1\nt2 > b (failed: lost)\nt4 * Connected again.",
    );
  });

  it("says what will be on the wire: half a surrogate pair is replaced, a byte order mark stays", () => {
    expect(wellFormed("a\ud800b")).toBe("a\ufffdb");
    expect(wellFormed("\ufeffa👩")).toBe("\ufeffa👩");
  });
});
