import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCE = resolve(import.meta.dirname);
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));

/** Where a file lies: `shared`, `app`, or `features/NAME`. */
function layerOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "features" ? `features/${second}` : first;
}

/** Paths below src that a file imports. */
function importsOf(name: string): string[] {
  const text = readFileSync(join(SOURCE, name), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  return specifiers.flatMap((specifier) => {
    if (specifier.startsWith("@shared/")) return [specifier.replace("@", "")];
    if (specifier.startsWith(".")) return [relative(SOURCE, resolve(SOURCE, name, "..", specifier))];
    return [];
  });
}

function violations(forbidden: (from: string, to: string) => boolean): string[] {
  return files.flatMap((name) =>
    importsOf(name)
      .filter((imported) => forbidden(layerOf(name), layerOf(imported)))
      .map((imported) => `${name} imports ${imported}`),
  );
}

describe("the layout", () => {
  it("has files to look at, and imports in them", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap(importsOf).length).toBeGreaterThan(20);
  });

  it("lets shared import nothing but shared", () => {
    expect(violations((from, to) => from === "shared" && to !== "shared")).toEqual([]);
  });

  it("lets a feature import itself and shared alone", () => {
    expect(violations((from, to) => from.startsWith("features/") && to !== from && to !== "shared")).toEqual([]);
  });

  it("has no HTML made of text, and no style or script elements", () => {
    const forbidden = /dangerouslySetInnerHTML|\.innerHTML|insertAdjacentHTML|document\.write|<style|<script/;
    const found = files.filter(
      (name) => name !== "layout.test.ts" && forbidden.test(readFileSync(join(SOURCE, name), "utf8")),
    );
    expect(found).toEqual([]);
  });
});
