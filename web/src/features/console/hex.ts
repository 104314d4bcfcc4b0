// Bytes as people type and read them.

export type ParsedHex =
  | { kind: "bytes"; bytes: Uint8Array<ArrayBuffer> }
  | { kind: "wrong"; problem: string; at: number };

/** `48 65 6c`, `48656C`, `0x48, 0x65`, `\x48\x65`, `48:65`: two digits are a byte, what is between bytes does not matter. */
export function parseHex(typed: string): ParsedHex {
  const bytes: number[] = [];
  const token = /([\s,;:_-]+)|(?:0x|\\x)?([0-9a-f]{2})/iy;
  while (token.lastIndex < typed.length) {
    const at = token.lastIndex;
    const found = token.exec(typed);
    if (!found) return { kind: "wrong", problem: problemAt(typed, at), at };
    if (found[2] !== undefined) bytes.push(Number.parseInt(found[2], 16));
  }
  return { kind: "bytes", bytes: Uint8Array.from(bytes) };
}

function problemAt(typed: string, at: number): string {
  const position = `Character ${at + 1}`;
  const digits = typed.slice(at).replace(/^(0x|\\x)/i, "");
  if (/^[0-9a-f]/i.test(digits)) return `${position}: a byte has two digits.`;
  return `${position}: “${String.fromCodePoint(digits.codePointAt(0) ?? 0)}” is no hexadecimal digit.`;
}

/** `48 65 6c`. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

export interface DumpLine {
  offset: string;
  hex: string;
  text: string;
}

/** Offset, bytes, and what of them is printable ASCII, `perLine` bytes a line. */
export function hexDump(bytes: Uint8Array, perLine = 16): DumpLine[] {
  const lines: DumpLine[] = [];
  for (let start = 0; start < bytes.length; start += perLine) {
    const part = bytes.subarray(start, start + perLine);
    lines.push({
      offset: start.toString(16).padStart(8, "0"),
      hex: toHex(part),
      text: Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(""),
    });
  }
  return lines;
}
