// What the log holds, and which of it is shown. Knows neither React nor the network.

import { BoundedLog } from "@shared/bounded-log";
import { byteLength } from "@shared/connection";
import { toHex } from "./hex";
import { isJsonStructure } from "./json";

/** The log holds so many entries, and … */
export const ENTRIES_MAX = 50_000;
/** … so many bytes of payload. */
export const LOG_BYTES_MAX = 64 << 20;
/** Of a longer message only so much is kept; its size is still the whole. */
export const PAYLOAD_KEPT_MAX = 1 << 20;
/** What an entry needs besides its payload, about. */
const ENTRY_OVERHEAD_BYTES = 200;
/** So many bytes of a binary message are searched. */
const SEARCHED_BYTES_MAX = 4_096;

export type Direction = "in" | "out";
export type PayloadType = "text" | "JSON" | "binary";

export interface MessageEntry {
  readonly kind: "message";
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly direction: Direction;
  readonly type: PayloadType;
  /** As on the wire; may be more than is kept. */
  readonly bytes: number;
  readonly data: string | Uint8Array<ArrayBuffer>;
  readonly isCut: boolean;
}

/** What happened to the connection. */
export interface EventEntry {
  readonly kind: "event";
  readonly id: number;
  readonly time: number;
  readonly event: "connecting" | "open" | "closing" | "closed" | "failed" | "waiting" | "note";
  readonly text: string;
}

export type Entry = MessageEntry | EventEntry;

export function newLog(): BoundedLog<Entry> {
  return new BoundedLog<Entry>({
    entriesMax: ENTRIES_MAX,
    bytesMax: LOG_BYTES_MAX,
    weigh: (entry) => ENTRY_OVERHEAD_BYTES + (entry.kind === "event" ? entry.text.length : keptBytes(entry.data)),
  });
}

/** What is logged of a payload. */
export function messageOf(
  payload: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
  direction: Direction,
  time: number,
): Omit<MessageEntry, "id"> {
  const bytes = byteLength(payload);
  const isCut = bytes > PAYLOAD_KEPT_MAX;
  const data = typeof payload === "string" ? cutText(payload, isCut) : cutBytes(payload);
  const type = typeof data !== "string" ? "binary" : !isCut && isJsonStructure(data) ? "JSON" : "text";
  return { kind: "message", time, direction, type, bytes, data, isCut };
}

function cutText(text: string, isCut: boolean): string {
  if (!isCut) return text;
  // Through bytes: a slice of a string would keep all of it in memory, and might cut a character in two.
  const bytes = new Uint8Array(PAYLOAD_KEPT_MAX);
  const { written } = new TextEncoder().encodeInto(text.slice(0, PAYLOAD_KEPT_MAX), bytes);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written));
}

function cutBytes(payload: ArrayBuffer | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = payload instanceof Uint8Array ? payload : new Uint8Array(payload);
  return bytes.length > PAYLOAD_KEPT_MAX ? bytes.slice(0, PAYLOAD_KEPT_MAX) : bytes;
}

function keptBytes(data: MessageEntry["data"]): number {
  return typeof data === "string" ? data.length * 2 : data.length;
}

export interface Filter {
  /** Found anywhere, in upper or lower case; in binary messages among the bytes as hex (`de ad`). */
  text: string;
  direction: "all" | Direction | "event";
  type: "all" | PayloadType;
}

export const NO_FILTER: Filter = { text: "", direction: "all", type: "all" };

export function matches(entry: Entry, { text, direction, type }: Filter): boolean {
  if (entry.kind === "event") {
    if ((direction !== "all" && direction !== "event") || type !== "all") return false;
  } else if ((direction !== "all" && direction !== entry.direction) || (type !== "all" && type !== entry.type)) {
    return false;
  }
  return text === "" || searchedText(entry).toLowerCase().includes(text.toLowerCase());
}

function searchedText(entry: Entry): string {
  if (entry.kind === "event") return entry.text;
  return typeof entry.data === "string" ? entry.data : toHex(entry.data.subarray(0, SEARCHED_BYTES_MAX));
}

export interface Shown {
  entries: readonly Entry[];
  /** How many that would be shown have come since the pause. */
  waiting: number;
}

/** What of a log is shown: kept up to date by looking at new entries alone. */
export class View {
  #log: BoundedLog<Entry>;
  #filter = NO_FILTER;
  #shown: Entry[] = [];
  /** Looked at up to this id. */
  #seenId = 0;
  /** While paused: the last id that is shown. */
  #pausedId: number | null = null;

  constructor(log: BoundedLog<Entry>) {
    this.#log = log;
  }

  get filter(): Filter {
    return this.#filter;
  }

  set filter(filter: Filter) {
    this.#filter = filter;
    this.#shown = [];
    this.#seenId = 0;
  }

  get isPaused(): boolean {
    return this.#pausedId !== null;
  }

  pause(): void {
    this.#pausedId = this.#log.total;
  }

  resume(): void {
    this.#pausedId = null;
  }

  read(): Shown {
    this.#dropGone();
    for (const entry of this.#unseen()) if (matches(entry, this.#filter)) this.#shown.push(entry);
    this.#seenId = this.#log.total;
    const end = this.#pausedId === null ? this.#shown.length : countUpTo(this.#shown, this.#pausedId);
    return { entries: this.#shown.slice(0, end), waiting: this.#shown.length - end };
  }

  #unseen(): readonly Entry[] {
    const count = Math.min(this.#log.size, this.#log.total - this.#seenId);
    return count > 0 ? this.#log.entries.slice(-count) : [];
  }

  #dropGone(): void {
    const gone = countUpTo(this.#shown, this.#log.firstId - 1);
    if (gone > 0) this.#shown.splice(0, gone);
  }
}

/** How many, in order of ids, have one of at most `id`. */
function countUpTo(entries: readonly Entry[], id: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.id ?? 0) <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
