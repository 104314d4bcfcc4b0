import { pathOf, servicesOf } from "@shared/server";
import { aService, aSnapshot } from "@shared/testing";
import { describe, expect, it } from "vitest";
import { historyOf, isAboveBounds, latencyMs, ranked, rateOf, sumOf, valuesOf } from "./figures";

describe("the history", () => {
  it("keeps the last minute and the snapshot before it", () => {
    const snapshots = Array.from({ length: 75 }, (_, second) => aSnapshot(second + 1));
    const { times } = historyOf(snapshots);
    expect(times).toHaveLength(62);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBe(61);
  });

  it("has a gap where the server was silent, not a line across it", () => {
    const history = historyOf([aSnapshot(1), aSnapshot(2), aSnapshot(9), aSnapshot(10)]);
    expect(valuesOf(history, (snapshot) => snapshot.uptime_seconds)).toEqual([1, 2, null, 9, 10]);
    expect(history.times).toEqual([...history.times].sort((a, b) => a - b));
  });

  it("is empty before the first snapshot", () => {
    expect(historyOf([])).toEqual({ times: [], samples: [] });
  });
});

describe("the figures", () => {
  it("leave out the feed that brings them, and what the server opened itself", () => {
    const snapshot = aSnapshot(5);
    expect(servicesOf(snapshot).map(({ name }) => name)).toEqual(["echo", "random", "stream", "letters"]);
    expect(sumOf(snapshot, "connections")).toBe(0);
  });

  it("have a path each, the root as well", () => {
    expect(["echo", "chat/north", "/"].map(pathOf)).toEqual(["/echo", "/chat/north", "/"]);
  });

  it("add the services up", () => {
    const services = [
      aService("echo", { connections: 3, messages_in_per_second: 1.5 }),
      aService("own", { connections: 4, messages_in_per_second: 2 }),
    ];
    const snapshot = aSnapshot(5, { services });
    expect(sumOf(snapshot, "connections")).toBe(7);
    expect(rateOf(snapshot, "messages_in_per_second")).toBe(3.5);
    expect(rateOf(snapshot, "messages_in_per_second", services[1])).toBe(2);
  });

  it("know no rate in a server's very first snapshot", () => {
    expect(rateOf(aSnapshot(0), "messages_in_per_second")).toBeNull();
  });

  it("tell a latency that is not known from one above all bounds", () => {
    const latency = { answers: 2, p50_micros: 200, p99_micros: 10_000_000, max_micros: null };
    expect(latencyMs(latency, "p50_micros")).toBe(0.2);
    expect(latencyMs(latency, "max_micros")).toBeNull();
    expect(isAboveBounds(latencyMs(latency, "p99_micros") ?? 0)).toBe(true);
    expect(isAboveBounds(1000)).toBe(false);
  });

  it("rank counts and leave out zeros", () => {
    expect(ranked({ a: 1, b: 0, c: 3 })).toEqual([
      ["c", 3],
      ["a", 1],
    ]);
  });
});
