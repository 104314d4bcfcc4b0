// JSON as it is typed: whether it is right, where it is wrong, and the same JSON with other white space.
//
// The browser's own JSON.parse decides. Its messages differ from browser to browser and often lack the place, so a scanner of
// our own finds that. Formatting goes by characters, not by parsing and writing again, which would alter numbers
// (12345678901234567890) and drop repeated keys.

export interface JsonFault {
  /** Where, in UTF-16 units from the start. */
  at: number;
  line: number;
  column: number;
  problem: string;
}

/** What is wrong, and where; null if it is JSON. */
export function jsonFault(text: string): JsonFault | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const found = new Scanner(text).fault() ?? {
      at: 0,
      problem: error instanceof Error ? error.message : String(error),
    };
    const before = text.slice(0, found.at).split("\n");
    return { ...found, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }
}

/** Whether the text is a JSON object or array; a lone number or string is rather text. */
export function isJsonStructure(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Valid JSON on several lines, two spaces a level. Every literal stays as it is. */
export function prettyJson(text: string): string {
  let level = 0;
  let pretty = "";
  const parts = tokens(text);
  parts.forEach((part, index) => {
    const isEmpty = (open: string, close: string) => part === open && parts[index + 1] === close;
    if (part === "{" || part === "[") {
      level += 1;
      pretty += isEmpty("{", "}") || isEmpty("[", "]") ? part : `${part}${newLine(level)}`;
    } else if (part === "}" || part === "]") {
      level -= 1;
      pretty += parts[index - 1] === "{" || parts[index - 1] === "[" ? part : `${newLine(level)}${part}`;
    } else if (part === ",") pretty += `,${newLine(level)}`;
    else if (part === ":") pretty += ": ";
    else pretty += part;
  });
  return pretty;
}

/** Valid JSON without white space between its tokens. */
export function compactJson(text: string): string {
  return tokens(text).join("");
}

/** Deeper levels are indented no further: a line of brackets must not become megabytes of spaces. */
const INDENTED_LEVELS_MAX = 40;

function newLine(level: number): string {
  return `\n${"  ".repeat(Math.min(level, INDENTED_LEVELS_MAX))}`;
}

function tokens(text: string): string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g) ?? [];
}

/** What may come next. */
type Expected = "value" | "value or ]" | "key or }" | "key" | ":" | ", or }" | ", or ]" | "end";

const WORDS: Record<Expected, string> = {
  value: "a value is missing",
  "value or ]": "a value or ] is missing",
  "key or }": "a key in double quotes or } is missing",
  key: "a key in double quotes is missing",
  ":": ": is missing after the key",
  ", or }": ", or } is missing",
  ", or ]": ", or ] is missing",
  end: "nothing may follow the end of the value",
};

/** Walks over the text without recursion, until something is not as RFC 8259 has it. */
class Scanner {
  #text: string;
  #at = 0;
  #open: ("{" | "[")[] = [];
  #expected: Expected = "value";

  constructor(text: string) {
    this.#text = text;
  }

  fault(): { at: number; problem: string } | null {
    for (;;) {
      this.#skip(/[ \t\n\r]+/y);
      const character = this.#text[this.#at];
      if (character === undefined) {
        if (this.#expected === "end") return null;
        return {
          at: this.#at,
          problem: this.#at === 0 ? "nothing is there yet" : `it ends too early: ${WORDS[this.#expected]}`,
        };
      }
      const problem = this.#step(character);
      if (problem) return { at: this.#at, problem };
    }
  }

  #step(character: string): string | null {
    switch (this.#expected) {
      case "end":
        return WORDS.end;
      case ":":
        return character === ":" ? this.#pass(1, "value") : this.#unexpected(character);
      case "key":
      case "key or }":
        if (character === "}" && this.#expected === "key or }") return this.#close();
        return character === '"' ? this.#string(":") : this.#unexpected(character);
      case ", or }":
      case ", or ]":
        if (character === ",") return this.#pass(1, this.#open.at(-1) === "{" ? "key" : "value");
        return character === (this.#open.at(-1) === "{" ? "}" : "]") ? this.#close() : this.#unexpected(character);
      case "value or ]":
        if (character === "]") return this.#close();
        return this.#value(character);
      case "value":
        return this.#value(character);
    }
  }

  #value(character: string): string | null {
    if (character === "{" || character === "[") {
      this.#open.push(character);
      return this.#pass(1, character === "{" ? "key or }" : "value or ]");
    }
    if (character === '"') return this.#string(this.#after());
    for (const literal of [
      /(?:true|false|null)(?![\w$])/y,
      /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y,
    ]) {
      literal.lastIndex = this.#at;
      const found = literal.exec(this.#text)?.[0];
      if (found) return this.#pass(found.length, this.#after());
    }
    if (/[\d.+-]/.test(character)) return "this is not a number as JSON writes it";
    if (character === "'") return "strings are in double quotes";
    if (/[A-Za-z_$]/.test(character)) return "a word must be true, false or null; strings are in double quotes";
    return this.#unexpected(character);
  }

  #string(next: Expected): string | null {
    const start = this.#at;
    this.#at += 1;
    for (;;) {
      // All but quotes, backslashes and control characters.
      this.#skip(/[ !#-[\]-\uffff]+/y);
      const character = this.#text[this.#at];
      if (character === '"') return this.#pass(1, next);
      if (character === undefined) {
        this.#at = start;
        return "this string does not end";
      }
      if (character !== "\\")
        return "a line break or control character within a string is written as \\n, \\t or \\u0000";
      if (!this.#skip(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y)) return "there is no such escape";
    }
  }

  #close(): null {
    this.#open.pop();
    return this.#pass(1, this.#after());
  }

  #after(): Expected {
    const open = this.#open.at(-1);
    if (!open) return "end";
    return open === "{" ? ", or }" : ", or ]";
  }

  #pass(length: number, expected: Expected): null {
    this.#at += length;
    this.#expected = expected;
    return null;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found !== undefined;
  }

  #unexpected(character: string): string {
    return `${WORDS[this.#expected]} here, not “${character}”`;
  }
}
