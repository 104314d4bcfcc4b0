// What the page knows of the letters: which are wanted, what the server last said of each, and a log of it in words. Knows
// nothing of React, and of the connection only how to send.

import { FrameStore } from "@shared/frame-store";
import type { LettersRequest } from "@shared/wire/letters";

export const LETTERS: readonly string[] = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/** Values of a letter's trace; the oldest go first. */
export const TRACE_MAX = 30;
/** Entries of the log; the oldest go first, and are counted. */
export const LOG_MAX = 5_000;
/** The range from which the server draws. */
export const VALUE_RANGE = [1000, 9999] as const;

export interface Tile {
  readonly letter: string;
  /** `asked`: wanted, and the server has not answered yet (or again, after a loss). */
  readonly status: "off" | "asked" | "on";
  readonly value: number | null;
  readonly trace: readonly number[];
  /** Counts the values: a new one is a new flash, even if the number is the same. */
  readonly updates: number;
}

export interface LogEntry {
  readonly id: number;
  readonly timeMs: number;
  /** `said`: in the server's own words. */
  readonly kind: "update" | "said";
  readonly text: string;
}

export interface LettersView {
  readonly tiles: readonly Tile[];
  readonly wanted: number;
  readonly on: number;
  readonly log: readonly LogEntry[];
  /** Changes with the log, which is one array that grows. */
  readonly logVersion: number;
  readonly dropped: number;
}

export class LettersModel {
  readonly store: FrameStore<LettersView>;
  #tiles: Tile[] = LETTERS.map((letter) => ({ letter, status: "off", value: null, trace: [], updates: 0 }));
  #log: LogEntry[] = [];
  #logVersion = 0;
  #nextId = 1;
  #dropped = 0;
  #send: (request: LettersRequest) => void;
  #onSaid: (text: string) => void;

  /** `send` may be told anything at any time; `onSaid` hears what the server says in words. */
  constructor(send: (request: LettersRequest) => void, onSaid: (text: string) => void, wanted: Iterable<string> = []) {
    this.#send = send;
    this.#onSaid = onSaid;
    for (const letter of wanted) this.#change(letter, { status: "asked" });
    this.store = new FrameStore(() => this.#view());
  }

  get wanted(): string[] {
    return this.#tiles.filter(({ status }) => status !== "off").map(({ letter }) => letter);
  }

  subscribe(letter: string): void {
    // Subscribing again is allowed, and answered with the value.
    if (this.#tile(letter)?.status === "off") this.#change(letter, { status: "asked" });
    this.#send({ action: "subscribe", letter });
    this.store.publish();
  }

  /** Also of a letter without subscription: the server has an answer for that. */
  unsubscribe(letter: string): void {
    this.#change(letter, { status: "off", value: null, trace: [] });
    this.#send({ action: "unsubscribe", letter });
    this.store.publish();
  }

  toggle(letter: string): void {
    if (this.#tile(letter)?.status === "off") this.subscribe(letter);
    else this.unsubscribe(letter);
  }

  subscribeAll(): void {
    for (const { letter, status } of this.#tiles) if (status === "off") this.subscribe(letter);
  }

  unsubscribeAll(): void {
    for (const letter of this.wanted) this.unsubscribe(letter);
  }

  /** The connection is open, for the first time or again: the server knows of no subscription. */
  opened(): void {
    for (const letter of this.wanted) this.#send({ action: "subscribe", letter });
  }

  /** The connection is gone: what was subscribed is wanted still. */
  lost(): void {
    for (const { letter, status } of this.#tiles) if (status === "on") this.#change(letter, { status: "asked" });
    this.store.changed();
  }

  received(data: string | ArrayBuffer, timeMs: number): void {
    for (const [key, value] of Object.entries(parsed(data))) {
      if (typeof value === "number" && this.#tile(key)) this.#updated(key, value, timeMs);
      else if (typeof value === "string") this.#said(key === "error" ? value : `${key}: ${value}`, timeMs);
    }
    this.store.changed();
  }

  clearLog(): void {
    this.#log = [];
    this.#dropped = 0;
    this.#logVersion += 1;
    this.store.publish();
  }

  #updated(letter: string, value: number, timeMs: number): void {
    const tile = this.#tile(letter);
    // One that was under way when we unsubscribed is news for the log alone.
    if (tile && tile.status !== "off") {
      const trace = [...tile.trace, value].slice(-TRACE_MAX);
      this.#change(letter, { status: "on", value, trace, updates: tile.updates + 1 });
    }
    this.#note("update", `Letter ${letter} updated with number ${value}.`, timeMs);
  }

  #said(text: string, timeMs: number): void {
    this.#note("said", text, timeMs);
    this.#onSaid(text);
  }

  #note(kind: LogEntry["kind"], text: string, timeMs: number): void {
    this.#log.push({ id: this.#nextId++, timeMs, kind, text });
    if (this.#log.length > LOG_MAX) {
      const surplus = this.#log.length - Math.floor(LOG_MAX * 0.9);
      this.#log.splice(0, surplus);
      this.#dropped += surplus;
    }
    this.#logVersion += 1;
  }

  #tile(letter: string): Tile | undefined {
    return this.#tiles.find((tile) => tile.letter === letter);
  }

  #change(letter: string, change: Partial<Tile>): void {
    this.#tiles = this.#tiles.map((tile) => (tile.letter === letter ? { ...tile, ...change } : tile));
  }

  #view(): LettersView {
    return {
      tiles: this.#tiles,
      wanted: this.wanted.length,
      on: this.#tiles.filter(({ status }) => status === "on").length,
      log: this.#log,
      logVersion: this.#logVersion,
      dropped: this.#dropped,
    };
  }
}

/** The message's fields; what is no JSON object is shown as the server's words. */
function parsed(data: string | ArrayBuffer): Record<string, unknown> {
  if (typeof data !== "string") return { error: `a binary message of ${data.byteLength} bytes` };
  try {
    const value: unknown = JSON.parse(data);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Not ours to mend; what came is shown as it came.
  }
  return { error: data };
}
