// What was said on /random, and which answer belongs to which message. Knows neither React nor the network.
//
// The server answers in order, each message with its own text, a space and a number from 1 to 100. That alone tells answers
// apart, so a message counts as answered only if an answer fits it; everything else is shown as what it is.

import { BoundedLog } from "@shared/bounded-log";
import { byteLength } from "@shared/connection";

/** So many messages are kept, and … */
export const HISTORY_ENTRIES_MAX = 20_000;
/** … so many bytes of their texts and answers. */
export const HISTORY_BYTES_MAX = 16 << 20;
/** What an entry needs besides its texts, about. */
const ENTRY_OVERHEAD_BYTES = 200;
/** The round trips of the latest so many answers are judged. */
const ROUND_TRIPS_MAX = 1_000;
/** Of what nobody asked for, so much is kept. */
const STRAY_CHARACTERS_MAX = 2_000;

/** `sending`: still in the browser. `sent`: on its way. */
export type Delivery = "sending" | "sent" | "answered" | "failed";

export interface Exchange {
  readonly kind: "exchange";
  readonly id: number;
  readonly text: string;
  readonly run: Run | null;
  /** Times are on `performance.now()`'s clock. */
  sentAtMs: number;
  delivery: Delivery;
  /** 2 and more: it was sent again. */
  attempt: number;
  number: number | null;
  answeredAtMs: number | null;
  /** Why it failed. */
  why: string;
  /** The server would refuse it again: it is not offered to be sent once more. */
  isRefused: boolean;
  /** The connection's byte count with this message's last byte. */
  endOffset: number;
}

/** What came without being asked for. */
export interface Stray {
  readonly kind: "stray";
  readonly id: number;
  readonly text: string;
  readonly atMs: number;
}

/** What happened to the connection. */
export interface Note {
  readonly kind: "note";
  readonly id: number;
  readonly text: string;
  readonly atMs: number;
}

export type Item = Exchange | Stray | Note;

/** Each message is in exactly one of the last three: they must sum up to the first. */
export interface Counts {
  sent: number;
  answered: number;
  failed: number;
  waiting: number;
}

/** Many messages sent by one press of a button. */
export interface Run {
  readonly total: number;
  readonly text: string;
  readonly startedAtMs: number;
  /** When the last message was settled. */
  endedAtMs: number | null;
  stopped: boolean;
  counts: Counts;
}

export interface RoundTrips {
  lastMs: number | null;
  p50Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
}

export class Conversation {
  readonly log = new BoundedLog<Item>({
    entriesMax: HISTORY_ENTRIES_MAX,
    bytesMax: HISTORY_BYTES_MAX,
    weigh: weightOf,
  });
  readonly counts: Counts = noCounts();
  run: Run | null = null;
  #waiting: Exchange[] = [];
  #failed = new Map<number, Exchange>();
  #roundTrips: number[] = [];
  #roundTripNext = 0;

  /** Begins a message; `delivered` follows once it was handed over. */
  say(text: string, nowMs: number, run: Run | null = null): Exchange {
    const exchange = this.log.add<Exchange>((id) => ({
      kind: "exchange",
      id,
      text,
      run,
      sentAtMs: nowMs,
      delivery: "sending",
      attempt: 1,
      number: null,
      answeredAtMs: null,
      why: "",
      isRefused: false,
      endOffset: 0,
    }));
    this.#count(exchange, "sent", 1);
    this.#wait(exchange);
    return exchange;
  }

  /** The same message once more, in its place, if it had failed. It may reach the server twice. */
  sayAgain(exchange: Exchange, nowMs: number): boolean {
    if (!this.#failed.delete(exchange.id)) return false;
    this.#count(exchange, "failed", -1);
    exchange.delivery = "sending";
    exchange.attempt += 1;
    exchange.sentAtMs = nowMs;
    exchange.why = "";
    this.#wait(exchange);
    return true;
  }

  /** Everything up to the connection's byte `offset` has left the browser. Gives whether something has not. */
  handedOver(offset: number): boolean {
    for (const exchange of this.#waiting) {
      if (exchange.delivery !== "sending") continue;
      if (exchange.endOffset > offset) return true;
      exchange.delivery = "sent";
    }
    return false;
  }

  /** A message came: gives the exchange that it completes, if any. */
  heard(data: string | ArrayBuffer, atMs: number): Exchange | null {
    const position =
      typeof data === "string" ? this.#waiting.findIndex(({ text }) => answerTo(text, data) !== null) : -1;
    const exchange = this.#waiting[position];
    if (!exchange || typeof data !== "string") {
      this.#stray(data, atMs);
      return null;
    }
    const passedOver = this.#waiting.splice(0, position + 1);
    passedOver.pop();
    for (const skipped of passedOver) this.#fail(skipped, "a later message was answered first", atMs);

    exchange.delivery = "answered";
    exchange.number = answerTo(exchange.text, data);
    exchange.answeredAtMs = atMs;
    this.#count(exchange, "answered", 1);
    this.#settled(exchange, atMs);
    this.#roundTrips[this.#roundTripNext] = atMs - exchange.sentAtMs;
    this.#roundTripNext = (this.#roundTripNext + 1) % ROUND_TRIPS_MAX;
    return exchange;
  }

  /** The connection is gone: what was not answered on it will never be. */
  lost(why: string, atMs: number): void {
    for (const exchange of this.#waiting.splice(0)) this.#fail(exchange, why, atMs);
  }

  /** The connection is gone because one message was too big: of those under way the biggest one, which is not sent again. */
  lostByTooBig(why: string, atMs: number): void {
    const size = new Map(this.#waiting.map((exchange) => [exchange, byteLength(exchange.text)]));
    const biggest = Math.max(...size.values());
    const refused = this.#waiting.find((exchange) => size.get(exchange) === biggest);
    if (refused) {
      this.#waiting = this.#waiting.filter((exchange) => exchange !== refused);
      refused.isRefused = true;
      this.#fail(refused, "it is too big for this server", atMs);
    }
    this.lost(why, atMs);
  }

  note(text: string, atMs: number): void {
    this.log.add((id) => ({ kind: "note", id, text, atMs }));
  }

  begin(total: number, text: string, nowMs: number): Run {
    this.run = { total, text, startedAtMs: nowMs, endedAtMs: null, stopped: false, counts: noCounts() };
    return this.run;
  }

  /** The run's next message. */
  sayNext(run: Run, nowMs: number): Exchange {
    return this.say(`${run.text} ${run.counts.sent + 1}`, nowMs, run);
  }

  /** Sends no more of the run; what is under way may still be answered. */
  stop(nowMs: number): void {
    if (!this.run || this.run.endedAtMs !== null) return;
    this.run.stopped = true;
    if (this.run.counts.waiting === 0) this.run.endedAtMs = nowMs;
  }

  /** Forgets what was said; what is under way is still waited for, unseen. */
  clear(): void {
    this.log.clear();
    this.#failed.clear();
    this.#roundTrips = [];
    this.#roundTripNext = 0;
    const waiting = this.#waiting.length;
    Object.assign(this.counts, noCounts(), { sent: waiting, waiting });
    if (this.run?.endedAtMs !== null) this.run = null;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Those that failed, can be sent again and are still kept, in order. */
  failed(): Exchange[] {
    const { firstId } = this.log;
    return [...this.#failed.values()].filter(({ id }) => id >= firstId).sort((a, b) => a.id - b.id);
  }

  get failedCount(): number {
    const { firstId } = this.log;
    let count = 0;
    for (const id of this.#failed.keys()) if (id >= firstId) count += 1;
    return count;
  }

  roundTrips(): RoundTrips {
    const sorted = this.#roundTrips.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
    return {
      lastMs: this.#roundTrips.at(this.#roundTripNext - 1) ?? null,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: sorted.at(-1) ?? null,
    };
  }

  #wait(exchange: Exchange): void {
    this.#waiting.push(exchange);
    this.#count(exchange, "waiting", 1);
  }

  #fail(exchange: Exchange, why: string, atMs: number): void {
    exchange.delivery = "failed";
    exchange.why = why;
    // What was dropped from the history must not be held by this map for ever.
    if (this.#failed.size >= HISTORY_ENTRIES_MAX) this.#failed.delete(this.#failed.keys().next().value ?? 0);
    if (!exchange.isRefused) this.#failed.set(exchange.id, exchange);
    this.#count(exchange, "failed", 1);
    this.#settled(exchange, atMs);
  }

  #settled(exchange: Exchange, atMs: number): void {
    this.#count(exchange, "waiting", -1);
    const { run } = exchange;
    if (!run || run.endedAtMs !== null || run.counts.waiting > 0) return;
    if (run.stopped || run.counts.sent === run.total) run.endedAtMs = atMs;
  }

  #count(exchange: Exchange, what: keyof Counts, by: 1 | -1): void {
    this.counts[what] += by;
    if (exchange.run) exchange.run.counts[what] += by;
  }

  #stray(data: string | ArrayBuffer, atMs: number): void {
    const text = typeof data === "string" ? data.slice(0, STRAY_CHARACTERS_MAX) : `${data.byteLength} bytes of binary`;
    this.log.add((id) => ({ kind: "stray", id, text, atMs }));
  }
}

/** The number with which `data` answers `question`; null if it does not. */
export function answerTo(question: string, data: string): number | null {
  // The length first: the texts are compared only where they can be equal.
  if (data.length < question.length + 2 || data.length > question.length + 4) return null;
  const digits = data.slice(question.length + 1);
  if (data[question.length] !== " " || !/^([1-9]\d?|100)$/.test(digits) || !data.startsWith(question)) return null;
  return Number(digits);
}

/** The text as it will be on the wire: what is no Unicode (half a surrogate pair) is replaced there too. */
export function wellFormed(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

/** What the conversation says, one line per message or answer. */
export function asText(items: readonly Item[], time: (atMs: number) => string): string {
  return items
    .flatMap((item) => {
      if (item.kind !== "exchange") return [`${time(item.atMs)} ${item.kind === "note" ? "*" : "?"} ${item.text}`];
      const question = `${time(item.sentAtMs)} > ${item.text}`;
      if (item.answeredAtMs !== null) return [question, `${time(item.answeredAtMs)} < ${answerOf(item)}`];
      return [`${question} (${item.delivery}${item.why ? `: ${item.why}` : ""})`];
    })
    .join("\n");
}

export function answerOf({ text, number }: Exchange): string {
  return `${text} ${number}`;
}

/** A message is answered with its own text: it counts twice. */
function weightOf(item: Item): number {
  return byteLength(item.text) * (item.kind === "exchange" ? 2 : 1) + ENTRY_OVERHEAD_BYTES;
}

function noCounts(): Counts {
  return { sent: 0, answered: 0, failed: 0, waiting: 0 };
}
