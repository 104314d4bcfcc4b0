import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");
const colours = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [
    name,
    { light, dark },
  ]),
);

function luminance(hex: string): number {
  const channels = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function check(foreground: string, background: string, least: number) {
  for (const theme of ["light", "dark"] as const) {
    const [front, back] = [colours.get(foreground)?.[theme], colours.get(background)?.[theme]];
    if (!front || !back) throw new Error(`no such token: ${foreground} or ${background}`);
    expect(contrast(front, back), `${foreground} on ${background}, ${theme}`).toBeGreaterThanOrEqual(least);
  }
}

describe("the colours", () => {
  it("let text be read on every ground (WCAG AA, 4.5:1)", () => {
    for (const text of ["ink", "muted", "signal", "sea", "ok", "warn", "bad"]) {
      for (const ground of ["paper", "surface", "sunken"]) check(text, ground, 4.5);
    }
    for (const tone of ["signal", "sea", "ok", "warn", "bad"]) {
      check(tone, `${tone}-wash`, 4.5);
      check("ink", `${tone}-wash`, 4.5);
    }
    check("on-signal", "signal", 4.5);
    check("on-signal", "signal-pressed", 4.5);
  });

  it("let borders of controls be seen (WCAG 1.4.11, 3:1)", () => {
    for (const ground of ["paper", "surface", "sunken"]) check("line-strong", ground, 3);
  });
});
