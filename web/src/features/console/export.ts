// The log as NDJSON: one JSON object per line. docs/console-export.md describes it.

import type { Entry } from "./entries";

/** Lines for these entries; `dropped` older ones are mentioned first. */
export function exportLines(entries: readonly Entry[], dropped: number): string[] {
  const lines = entries.map((entry) => `${JSON.stringify(exported(entry))}\n`);
  if (dropped > 0) lines.unshift(`${JSON.stringify({ direction: "event", event: "dropped", count: dropped })}\n`);
  return lines;
}

function exported(entry: Entry): object {
  const time = new Date(entry.time).toISOString();
  if (entry.kind === "event") return { time, direction: "event", event: entry.event, text: entry.text };
  const { direction, type, bytes, data, isCut } = entry;
  const head = { time, direction, type: type.toLowerCase(), bytes };
  const payload = typeof data === "string" ? { data } : { base64: base64(data) };
  return isCut ? { ...head, ...payload, cut: true } : { ...head, ...payload };
}

/** By parts: so many arguments as a large message has bytes no function takes. */
function base64(bytes: Uint8Array): string {
  const PART = 0x8000;
  let binary = "";
  for (let start = 0; start < bytes.length; start += PART) {
    binary += String.fromCharCode(...bytes.subarray(start, start + PART));
  }
  return btoa(binary);
}

/** Hands the lines to the browser as a file. */
export function download(lines: string[], name: string): void {
  const url = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has the file by then; an address that is not given back keeps the whole log in memory.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** `wigwag-console-20261121-082415.ndjson`. */
export function exportName(now: Date): string {
  const digits = now.toISOString().replaceAll(/[-:]|\..*/g, "");
  return `wigwag-console-${digits.replace("T", "-")}.ndjson`;
}
