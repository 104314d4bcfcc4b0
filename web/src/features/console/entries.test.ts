import { describe, expect, it } from "vitest";
import { ENTRIES_MAX, type Entry, messageOf, NO_FILTER, newLog, PAYLOAD_KEPT_MAX, View } from "./entries";
import { exportLines, exportName } from "./export";

function filled(count = 0) {
  const log = newLog();
  const add = (data: string | ArrayBuffer, direction: "in" | "out" = "in") =>
    log.add<Entry>((id) => ({ ...messageOf(data, direction, 1_000), id }));
  for (let index = 1; index <= count; index += 1) add(`message ${index}`);
  return { log, add, view: new View(log) };
}

const bytes = (...values: number[]) => Uint8Array.from(values).buffer;

describe("the log", () => {
  it("tells text, JSON and binary apart, and counts bytes as on the wire", () => {
    expect(messageOf("höi", "in", 0)).toMatchObject({ type: "text", bytes: 4, isCut: false });
    expect(messageOf('{"A":1}', "out", 0)).toMatchObject({ type: "JSON", bytes: 7 });
    expect(messageOf(bytes(1, 2), "in", 0)).toMatchObject({ type: "binary", bytes: 2, data: Uint8Array.of(1, 2) });
  });

  it("keeps the beginning of what is too long, never half a character", () => {
    const cut = messageOf(`a${"é".repeat(PAYLOAD_KEPT_MAX)}`, "in", 0);
    expect(cut).toMatchObject({ isCut: true, bytes: 2 * PAYLOAD_KEPT_MAX + 1 });
    expect(cut.data).toHaveLength(PAYLOAD_KEPT_MAX / 2);
    expect(String(cut.data).endsWith("é")).toBe(true);
    expect(messageOf(new ArrayBuffer(PAYLOAD_KEPT_MAX + 5), "in", 0).data).toHaveLength(PAYLOAD_KEPT_MAX);
  });

  it("drops the oldest beyond its bound, and so does the view", () => {
    const { log, add, view } = filled(ENTRIES_MAX);
    expect(view.read().entries).toHaveLength(ENTRIES_MAX);
    add("one more");
    const { entries } = view.read();
    expect(log.dropped).toBeGreaterThan(0);
    expect(entries).toHaveLength(ENTRIES_MAX + 1 - log.dropped);
    expect(entries[0]?.id).toBe(log.dropped + 1);
  });
});

describe("the view", () => {
  it("filters by text in any case, by bytes as hex, by direction and by type", () => {
    const { log, add, view } = filled();
    add("Ahoy");
    add('{"word":"ahoy"}', "out");
    add(bytes(0xde, 0xad, 0xbe));
    log.add<Entry>((id) => ({ kind: "event", id, time: 0, event: "open", text: "Open." }));
    const ids = (filter: Partial<typeof NO_FILTER>) => {
      view.filter = { ...NO_FILTER, ...filter };
      return view.read().entries.map(({ id }) => id);
    };
    expect(ids({})).toEqual([1, 2, 3, 4]);
    expect(ids({ text: "AHOY" })).toEqual([1, 2]);
    expect(ids({ text: "ad be" })).toEqual([3]);
    expect(ids({ direction: "in" })).toEqual([1, 3]);
    expect(ids({ direction: "event" })).toEqual([4]);
    expect(ids({ type: "JSON" })).toEqual([2]);
    expect(ids({ type: "text", direction: "out" })).toEqual([]);
  });

  it("stands still while paused, says how many that match wait, and goes on", () => {
    const { add, view } = filled(3);
    view.filter = { ...NO_FILTER, text: "message" };
    view.pause();
    add("message 4");
    add("other");
    expect(view.read()).toMatchObject({ waiting: 1, entries: { length: 3 } });
    view.filter = NO_FILTER;
    expect(view.read()).toMatchObject({ waiting: 2, entries: { length: 3 } });
    view.resume();
    expect(view.read()).toMatchObject({ waiting: 0, entries: { length: 5 } });
  });

  it("is empty after the log was cleared, and shows what comes then", () => {
    const { log, add, view } = filled(3);
    view.read();
    log.clear();
    expect(view.read().entries).toEqual([]);
    add("new");
    expect(view.read().entries.map(({ id }) => id)).toEqual([4]);
  });
});

describe("the export", () => {
  it("is one JSON object per line, with everything that is known", () => {
    const { log, add } = filled();
    add('line\nbreak "quoted"', "out");
    add(bytes(0, 255));
    add('{"A":1}');
    log.add<Entry>((id) => ({ kind: "event", id, time: 1_000, event: "closed", text: "Closed: 1000." }));
    const lines = exportLines(log.entries, 7);
    expect(lines.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
    const time = "1970-01-01T00:00:01.000Z";
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { direction: "event", event: "dropped", count: 7 },
      { time, direction: "out", type: "text", bytes: 19, data: 'line\nbreak "quoted"' },
      { time, direction: "in", type: "binary", bytes: 2, base64: "AP8=" },
      { time, direction: "in", type: "json", bytes: 7, data: '{"A":1}' },
      { time, direction: "event", event: "closed", text: "Closed: 1000." },
    ]);
  });

  it("says where a message was cut, and takes large ones", () => {
    const { log, add } = filled();
    add(new ArrayBuffer(PAYLOAD_KEPT_MAX + 1));
    const [line = ""] = exportLines(log.entries, 0);
    const { base64, cut, bytes: size } = JSON.parse(line);
    expect({ cut, size, kept: atob(base64).length }).toEqual({
      cut: true,
      size: PAYLOAD_KEPT_MAX + 1,
      kept: PAYLOAD_KEPT_MAX,
    });
  });

  it("has a name with the time", () => {
    expect(exportName(new Date("2026-11-21T08:24:15.123Z"))).toBe("wigwag-console-20261121-082415.ndjson");
  });
});
