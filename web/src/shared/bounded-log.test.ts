import { describe, expect, it } from "vitest";
import { BoundedLog } from "./bounded-log";

function logOf(entriesMax: number, bytesMax = Number.POSITIVE_INFINITY) {
  return new BoundedLog<{ id: number; bytes: number }>({ entriesMax, bytesMax, weigh: ({ bytes }) => bytes });
}

describe("a bounded log", () => {
  it("never holds more entries than it may, keeps the newest, and counts what it dropped", () => {
    const log = logOf(1_000);
    for (let index = 1; index <= 10_000; index += 1) {
      log.add((id) => ({ id, bytes: 1 }));
      expect(log.size).toBeLessThanOrEqual(1_000);
    }
    expect(log.size).toBeGreaterThan(980);
    expect(log.entries.at(-1)?.id).toBe(10_000);
    expect(log.entries[0]?.id).toBe(log.firstId);
    expect(log.size + log.dropped).toBe(10_000);
  });

  it("never weighs more than it may, except for a single heavy entry", () => {
    const log = logOf(1_000, 100);
    for (let index = 0; index < 50; index += 1) log.add((id) => ({ id, bytes: 30 }));
    expect(log.size).toBe(3);
    log.add((id) => ({ id, bytes: 500 }));
    expect(log.entries.map(({ bytes }) => bytes)).toEqual([500]);
    log.add((id) => ({ id, bytes: 1 }));
    expect(log.entries.map(({ bytes }) => bytes)).toEqual([1]);
  });

  it("gives the same array until something changes, and goes on counting after it was cleared", () => {
    const log = logOf(10);
    log.add((id) => ({ id, bytes: 1 }));
    const before = log.entries;
    expect(log.entries).toBe(before);
    log.clear();
    expect(log.entries).toEqual([]);
    expect(before).toHaveLength(1);
    expect(log.add((id) => ({ id, bytes: 1 })).id).toBe(2);
  });
});
