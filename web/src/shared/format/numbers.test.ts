import { describe, expect, it } from "vitest";
import {
  formatByteRate,
  formatBytes,
  formatCount,
  formatCountOf,
  formatDuration,
  formatLongDuration,
  formatPercent,
  formatRate,
  formatShort,
  formatTime,
} from "./numbers";

/** Narrow no-break spaces shown as plain ones. */
function plain(text: string): string {
  return text.replaceAll("\u202f", " ");
}

function check<T>(format: (value: T) => string, cases: [T, string][]) {
  for (const [value, expected] of cases) expect(plain(format(value)), String(value)).toBe(expected);
}

describe("numbers", () => {
  it("say that they are not known, never 0", () => {
    for (const format of [formatCount, formatShort, formatRate, formatBytes, formatByteRate, formatDuration]) {
      check(format, [
        [null, "–"],
        [undefined, "–"],
        [Number.NaN, "–"],
        [Number.POSITIVE_INFINITY, "–"],
      ]);
    }
    expect([formatLongDuration(null), formatPercent(undefined)]).toEqual(["–", "–"]);
  });

  it("separate thousands of counts and keep them exact", () => {
    check(formatCount, [
      [0, "0"],
      [999, "999"],
      [10_000, "10,000"],
      [1_234_567, "1,234,567"],
    ]);
    expect(formatCountOf(1, "message")).toBe("1 message");
    expect(formatCountOf(10_000, "message")).toBe("10,000 messages");
  });

  it("have three significant digits and a unit", () => {
    check(formatRate, [
      [0, "0 msg/s"],
      [0.5, "0.5 msg/s"],
      [9.999, "10 msg/s"],
      [12.34, "12.3 msg/s"],
      [999.4, "999 msg/s"],
      [999.6, "1 k msg/s"],
      [12_400, "12.4 k msg/s"],
      [1_850_000, "1.85 M msg/s"],
    ]);
    check(formatShort, [
      [12_400, "12.4 k"],
      [3, "3"],
    ]);
  });

  it("count bytes in powers of 1,024", () => {
    check(formatBytes, [
      [0, "0 B"],
      [17, "17 B"],
      [1_000, "1,000 B"],
      [1_023, "1,023 B"],
      [1_024, "1 KiB"],
      [3_355_443, "3.2 MiB"],
      [1_048_575, "1 MiB"],
      [5 * 1024 ** 3, "5 GiB"],
    ]);
    expect(plain(formatByteRate(3_355_443))).toBe("3.2 MiB/s");
  });

  it("choose the unit of a duration", () => {
    check(formatDuration, [
      [0, "0 ms"],
      [0.05, "50 µs"],
      [0.24, "240 µs"],
      [1.8, "1.8 ms"],
      [240, "240 ms"],
      [999.9, "1 s"],
      [12_500, "12.5 s"],
      [59_990, "1 min"],
      [125_000, "2 min 5 s"],
    ]);
    check(formatLongDuration, [
      [0, "0 s"],
      [45.9, "45 s"],
      [125, "2 min 5 s"],
      [11_520, "3 h 12 min"],
      [187_200, "2 d 4 h"],
    ]);
  });

  it("never round up to 100 %", () => {
    check(formatPercent, [
      [1, "100 %"],
      [0.99999, "99.9 %"],
      [0.5, "50 %"],
    ]);
  });

  it("write the time of day with milliseconds", () => {
    expect(formatTime(new Date(2026, 0, 2, 3, 4, 5, 6))).toBe("03:04:05.006");
    expect(formatTime(new Date(2026, 0, 2, 13, 4, 5, 6), { milliseconds: false })).toBe("13:04:05");
  });
});
