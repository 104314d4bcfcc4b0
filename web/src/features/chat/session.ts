// The conversation and its connection: sends as much as the window allows, and tells React once per frame.

import { type Connection, closeInWords } from "@shared/connection";
import { announce } from "@shared/design";
import { formatCount } from "@shared/format";
import { FrameStore } from "@shared/frame-store";
import {
  Conversation,
  type Counts,
  type Exchange,
  type Item,
  type RoundTrips,
  type Run,
  wellFormed,
} from "./conversation";

/** So many messages may be unanswered at once while many are sent, … */
export const WINDOW_MESSAGES = 256;
/** … and so many bytes may wait in the browser. */
export const WINDOW_BYTES = 256 << 10;
/** The close code of a server that will not take so much (RFC 6455 §7.4.1). */
const MESSAGE_TOO_BIG = 1009;
/** How often the browser is asked whether it has sent what it holds; it does not tell by itself. */
const BUFFER_CHECK_MS = 50;

export interface ChatSnapshot {
  readonly items: readonly Item[];
  readonly dropped: number;
  readonly counts: Counts;
  readonly run: Run | null;
  readonly roundTrips: RoundTrips;
  /** How many failed ones are kept and can be sent again. */
  readonly failed: number;
}

export class ChatSession {
  readonly store: FrameStore<ChatSnapshot>;
  #conversation = new Conversation();
  #connection: Connection | null = null;
  /** Failed ones that are to be sent again, as the window allows. */
  #again = new Set<Exchange>();
  #bufferCheck: ReturnType<typeof setTimeout> | undefined;
  #wasLost = false;

  constructor() {
    this.store = new FrameStore(() => this.#read());
  }

  /** Speaks over this connection until the returned function is called. */
  attach(connection: Connection): () => void {
    this.#connection = connection;
    const stops = [
      connection.onOpen(() => this.#opened()),
      connection.onMessage(({ data, atMs }) => this.#heard(data, atMs)),
      connection.onClose(({ code, reason, wasOpen }) => {
        if (wasOpen) this.#lost(`the connection closed with ${closeInWords(code, reason)}`, code);
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      clearTimeout(this.#bufferCheck);
      this.#conversation.stop(performance.now());
      this.#conversation.lost("the page was left before an answer came", performance.now());
      this.#again.clear();
      this.#connection = null;
      this.store.changed();
    };
  }

  /** False if it cannot be sent now: keep the text. */
  send(text: string): boolean {
    if (!this.#isOpen) return false;
    const exchange = this.#conversation.say(wellFormed(text), performance.now());
    this.#transmit(exchange);
    this.store.publish();
    return true;
  }

  /** Sends failed messages again: these, or all. */
  sendAgain(exchanges: Exchange[] = this.#conversation.failed()): void {
    for (const exchange of exchanges) this.#again.add(exchange);
    this.#pump();
    this.store.publish();
  }

  /** Sends `total` numbered copies of `text`, full duplex. */
  sendMany(total: number, text: string): void {
    if (this.isRunning) return;
    this.#conversation.begin(total, wellFormed(text), performance.now());
    this.#pump();
    this.store.publish();
  }

  stop(): void {
    this.#again.clear();
    this.#conversation.stop(performance.now());
    this.store.publish();
  }

  clear(): void {
    this.#again.clear();
    this.#conversation.clear();
    this.store.publish();
  }

  /** The next failed one after the entry `id`; from the first on again after the last. */
  failedAfter(id: number): Exchange | undefined {
    const failed = this.#conversation.failed();
    return failed.find((exchange) => exchange.id > id) ?? failed[0];
  }

  get isRunning(): boolean {
    const { run } = this.#conversation;
    return run !== null && run.endedAtMs === null;
  }

  get #isOpen(): boolean {
    return this.#connection?.state.kind === "open";
  }

  #opened(): void {
    if (this.#wasLost) this.#conversation.note("Connected again.", performance.now());
    this.#wasLost = false;
    this.store.changed();
    this.#pump();
  }

  #heard(data: string | ArrayBuffer, atMs: number): void {
    const exchange = this.#conversation.heard(data, atMs);
    if (exchange && !exchange.run) announce(`Answer: ${exchange.text} ${exchange.number}`);
    if (exchange?.run && exchange.run.endedAtMs === atMs) announceEnd(exchange.run);
    this.store.changed();
    this.#pump();
  }

  #lost(why: string, code: number): void {
    this.#wasLost = true;
    this.#conversation.note(`${why[0]?.toUpperCase()}${why.slice(1)}.`, performance.now());
    if (code === MESSAGE_TOO_BIG) this.#conversation.lostByTooBig(why, performance.now());
    else this.#conversation.lost(why, performance.now());
    this.store.changed();
  }

  /** Sends what is to be sent, as far as the window allows; each answer makes room for more. */
  #pump(): void {
    const connection = this.#connection;
    while (
      connection &&
      this.#isOpen &&
      this.#conversation.waiting < WINDOW_MESSAGES &&
      connection.bufferedBytes < WINDOW_BYTES
    ) {
      const exchange = this.#next();
      if (!exchange) return;
      this.#transmit(exchange);
    }
  }

  #next(): Exchange | null {
    for (const exchange of this.#again) {
      this.#again.delete(exchange);
      if (this.#conversation.sayAgain(exchange, performance.now())) return exchange;
    }
    const { run } = this.#conversation;
    if (!run || run.stopped || run.counts.sent >= run.total) return null;
    return this.#conversation.sayNext(run, performance.now());
  }

  #transmit(exchange: Exchange): void {
    const connection = this.#connection;
    if (connection?.send(exchange.text) !== "sent") return;
    exchange.endOffset = connection.counters.bytesOut;
    this.#watchBuffer();
  }

  #watchBuffer(): void {
    if (this.#bufferCheck !== undefined) return;
    this.#bufferCheck = setTimeout(() => {
      this.#bufferCheck = undefined;
      const connection = this.#connection;
      if (!connection) return;
      const more = this.#conversation.handedOver(connection.counters.bytesOut - connection.bufferedBytes);
      this.store.changed();
      this.#pump();
      if (more) this.#watchBuffer();
    }, BUFFER_CHECK_MS);
  }

  #read(): ChatSnapshot {
    const { log, counts, run } = this.#conversation;
    return {
      items: log.entries,
      dropped: log.dropped,
      counts: { ...counts },
      run: run && { ...run, counts: { ...run.counts } },
      roundTrips: this.#conversation.roundTrips(),
      failed: this.#conversation.failedCount,
    };
  }
}

function announceEnd({ counts }: Run): void {
  announce(
    `${formatCount(counts.sent)} sent, ${formatCount(counts.answered)} answered, ${formatCount(counts.failed)} failed.`,
  );
}

let kept: ChatSession | null = null;

/** The conversation outlives its page: who comes back finds it. */
export function keptSession(): ChatSession {
  kept ??= new ChatSession();
  return kept;
}

/** For tests. */
export function forgetSession(): void {
  kept = null;
}
