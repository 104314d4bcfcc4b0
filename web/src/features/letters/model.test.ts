import type { LettersRequest } from "@shared/wire/letters";
import { describe, expect, it } from "vitest";
import { LETTERS, LettersModel, LOG_MAX, TRACE_MAX } from "./model";

function model(wanted: string[] = []) {
  const sent: LettersRequest[] = [];
  const said: string[] = [];
  const letters = new LettersModel(
    (request) => sent.push(request),
    (text) => said.push(text),
    wanted,
  );
  const tile = (letter: string) => {
    letters.store.publish();
    const found = letters.store.get().tiles.find((candidate) => candidate.letter === letter);
    if (!found) throw new Error(`no tile ${letter}`);
    return found;
  };
  const log = () => {
    letters.store.publish();
    return letters.store.get().log.map(({ kind, text }) => `${kind}: ${text}`);
  };
  return { letters, sent, said, tile, log };
}

describe("a subscription", () => {
  it("is asked for until the first number comes", () => {
    const { letters, sent, tile } = model();
    letters.toggle("A");
    expect(sent).toEqual([{ action: "subscribe", letter: "A" }]);
    expect(tile("A").status).toBe("asked");
    letters.received('{"A":1234}', 0);
    expect(tile("A")).toMatchObject({ status: "on", value: 1234, trace: [1234], updates: 1 });
    letters.toggle("A");
    expect(sent.at(-1)).toEqual({ action: "unsubscribe", letter: "A" });
    expect(tile("A")).toMatchObject({ status: "off", value: null, trace: [] });
  });

  it("is asked for again when the connection is back, and keeps its trace", () => {
    const { letters, sent, tile } = model();
    letters.subscribe("Q");
    letters.received('{"Q":1000}', 0);
    letters.lost();
    expect(tile("Q")).toMatchObject({ status: "asked", value: 1000 });
    sent.length = 0;
    letters.opened();
    expect(sent).toEqual([{ action: "subscribe", letter: "Q" }]);
    letters.received('{"Q":2000}', 0);
    expect(tile("Q")).toMatchObject({ status: "on", trace: [1000, 2000] });
  });

  it("of all letters asks only for those that are missing", () => {
    const { letters, sent } = model(["B"]);
    letters.subscribeAll();
    expect(sent.map(({ letter }) => letter)).toEqual(LETTERS.filter((letter) => letter !== "B"));
    letters.unsubscribeAll();
    expect(sent.slice(25)).toHaveLength(26);
    expect(letters.wanted).toEqual([]);
  });

  it("keeps a bounded trace", () => {
    const { letters, tile } = model(["A"]);
    for (let index = 0; index < TRACE_MAX + 5; index += 1) letters.received(`{"A":${1000 + index}}`, 0);
    expect(tile("A").trace).toHaveLength(TRACE_MAX);
    expect(tile("A").trace.at(-1)).toBe(1000 + TRACE_MAX + 4);
  });
});

describe("the log", () => {
  it("says updates in words, and the server's words as they are", () => {
    const { letters, said, log } = model();
    letters.received('{"A":1234}', 0);
    letters.received('{"A":"You need to subscribe before un-subscribing"}', 0);
    letters.received('{"error":"unknown letter"}', 0);
    letters.received("no JSON", 0);
    letters.received(new ArrayBuffer(3), 0);
    expect(log()).toEqual([
      "update: Letter A updated with number 1234.",
      "said: A: You need to subscribe before un-subscribing",
      "said: unknown letter",
      "said: no JSON",
      "said: a binary message of 3 bytes",
    ]);
    expect(said).toHaveLength(4);
  });

  it("does not switch a tile on for a number that was under way", () => {
    const { letters, tile, log } = model();
    letters.received('{"A":1234}', 0);
    expect(tile("A").status).toBe("off");
    expect(log()).toHaveLength(1);
  });

  it("keeps the newest entries and counts those that went", () => {
    const { letters } = model();
    for (let index = 0; index <= LOG_MAX; index += 1) letters.received('{"A":1234}', 0);
    letters.store.publish();
    const { log, dropped } = letters.store.get();
    expect(log.length + dropped).toBe(LOG_MAX + 1);
    expect(log.length).toBeLessThanOrEqual(LOG_MAX);
    expect(log.at(-1)?.id).toBe(LOG_MAX + 1);
  });
});
