import { describe, expect, it } from "vitest";
import { hexDump, parseHex, toHex } from "./hex";
import { compactJson, isJsonStructure, jsonFault, prettyJson } from "./json";

describe("hex", () => {
  it("is read in all usual ways of writing it", () => {
    for (const typed of ["48 65 6c", "48656C", "0x48, 0x65, 0x6c", "\\x48\\x65\\x6c", "48:65:6c", "48-65\n6c "]) {
      const parsed = parseHex(typed);
      expect(parsed.kind === "bytes" && [...parsed.bytes], typed).toEqual([0x48, 0x65, 0x6c]);
    }
    expect(parseHex(" ")).toEqual({ kind: "bytes", bytes: new Uint8Array() });
  });

  it("that is none says where and why", () => {
    expect(parseHex("48 6g")).toEqual({ kind: "wrong", at: 3, problem: "Character 4: a byte has two digits." });
    expect(parseHex("48 x5")).toMatchObject({ at: 3, problem: "Character 4: “x” is no hexadecimal digit." });
    expect(parseHex("4")).toMatchObject({ at: 0 });
    expect(parseHex("48 👩")).toMatchObject({ problem: "Character 4: “👩” is no hexadecimal digit." });
  });

  it("is written back as it was, and dumped with what can be read", () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => index + 0x3c);
    const parsed = parseHex(toHex(bytes));
    expect(parsed.kind === "bytes" && parsed.bytes).toEqual(bytes);
    expect(hexDump(Uint8Array.of(0x48, 0x69, 0, 0xff), 3)).toEqual([
      { offset: "00000000", hex: "48 69 00", text: "Hi·" },
      { offset: "00000003", hex: "ff", text: "·" },
    ]);
  });
});

describe("JSON", () => {
  const right = [
    "0",
    "-0.5e+10",
    '"a\\u00e9\\n\\"\u007f"',
    " [ ] ",
    "{}",
    '{"a":[1,{"b":null}],"a":true}',
    `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
  ];

  it("that is right has no fault", () => {
    for (const text of right) expect(jsonFault(text), text.slice(0, 40)).toBeNull();
  });

  it("that is wrong is told with line, column and what is the matter", () => {
    const cases: [string, number, number, string][] = [
      ["", 1, 1, "nothing is there yet"],
      ['{"a": 1,}', 1, 9, "a key in double quotes is missing here, not “}”"],
      ['{"a": 1\n"b": 2}', 2, 1, ', or } is missing here, not “"”'],
      ["[1, 2,]", 1, 7, "a value is missing here, not “]”"],
      ["[1 2]", 1, 4, ", or ] is missing here, not “2”"],
      ["[1, 2", 1, 6, "it ends too early: , or ] is missing"],
      ["{a: 1}", 1, 2, "a key in double quotes or } is missing here, not “a”"],
      ["{'a': 1}", 1, 2, "a key in double quotes or } is missing here, not “'”"],
      ["['a']", 1, 2, "strings are in double quotes"],
      ['{"a" 1}', 1, 6, ": is missing after the key here, not “1”"],
      ['{"a":\n  "b\n"}', 2, 5, "a line break or control character"],
      ['["ab', 1, 2, "this string does not end"],
      ['["\\x"]', 1, 3, "there is no such escape"],
      ["01", 1, 1, "not a number as JSON writes it"],
      ["[+1]", 1, 2, "not a number as JSON writes it"],
      ["[1.]", 1, 2, "not a number as JSON writes it"],
      ["truth", 1, 1, "a word must be true, false or null"],
      ["{} x", 1, 4, "nothing may follow"],
    ];
    for (const [text, line, column, problem] of cases) {
      expect(jsonFault(text), text).toMatchObject({ line, column, problem: expect.stringContaining(problem) });
    }
  });

  it("finds a fault wherever the browser's parser does, in any mutilated text", () => {
    const whole = '{"a":[1,-2.5e3,{"b":null,"c":"\\u0041x"}],"d":true}';
    for (let at = 0; at <= whole.length; at += 1) {
      for (const put of ["", ",", "}", '"', "x", "1", " ", "\\", "]"]) {
        const text = whole.slice(0, at) + put + whole.slice(at + 1);
        let isRight = true;
        try {
          JSON.parse(text);
        } catch {
          isRight = false;
        }
        const fault = jsonFault(text);
        expect(fault === null, text).toBe(isRight);
        // Told in our words, not in the browser's: the scanner found it too.
        if (fault) expect(fault.problem, text).not.toMatch(/JSON at position|Unexpected|Expected|Bad |Unterminated/);
      }
    }
  });

  it("is formatted without touching what it says", () => {
    const text = '{"n":12345678901234567890, "e":[],"o":{ }, "a":[1,"x, {y}: \\"z\\""],"n":1.0}';
    expect(prettyJson(text)).toBe(
      '{\n  "n": 12345678901234567890,\n  "e": [],\n  "o": {},\n  "a": [\n    1,\n    "x, {y}: \\"z\\""\n  ],\n  "n": 1.0\n}',
    );
    expect(compactJson(prettyJson(text))).toBe(compactJson(text));
    for (const one of right) {
      expect(jsonFault(prettyJson(one))).toBeNull();
      expect(compactJson(prettyJson(one))).toBe(compactJson(one));
    }
  });

  it("is not blown up by many brackets", () => {
    const brackets = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
    expect(prettyJson(brackets).length).toBeLessThan(100 * brackets.length);
  });

  it("is told from text: objects and arrays alone", () => {
    expect([' {"a":1}', "[]", "42", '"a"', "{a}", "hello"].map(isJsonStructure)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
