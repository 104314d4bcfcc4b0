// What the page knows of the texts it sent: which is being answered, what has come of it, and at which pace. Knows nothing of
// React, and of the connection only how to send.

import { FrameStore } from "@shared/frame-store";
import type { StreamError, StreamItem, StreamRequest } from "@shared/wire/stream";

export const EXAMPLE = "The quick brown fox jumped over the lazy dog o";
/** Characters of one text. At the server's usual pace that is half an hour. */
export const CHARACTERS_MAX = 10_000;
/** Texts that wait at once: with the bound above well below the server's own (docs/services/stream.md). */
export const WAITING_MAX = 20;
/** Texts that are remembered once they are done; the oldest go first. */
export const DONE_MAX = 50;

export type AnswerStatus =
  | "waiting"
  | "streaming"
  | "done"
  /** The connection was lost before the answer was whole. */
  | "lost"
  /** The person stopped it. */
  | "stopped"
  /** The server will not answer it. */
  | "refused";

export interface Answer {
  readonly id: number;
  readonly text: string;
  /** As this browser splits it; what the server sends counts. */
  readonly characters: readonly string[];
  readonly status: AnswerStatus;
  readonly echo: readonly string[];
  readonly reverse: readonly string[];
  readonly count: { readonly lastCharacter: string; readonly count: number } | null;
  /** Arrivals of its messages, on `performance.now()`'s clock. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
}

export interface StreamView {
  /** Newest first. */
  readonly answers: readonly Answer[];
  /** The one being answered, else the newest. */
  readonly current: Answer | null;
  readonly waiting: number;
  /** Measured between the messages of the latest answer; null until there are two. */
  readonly intervalMs: number | null;
  /** What the server said last that is no answer. */
  readonly problem: string | null;
}

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Extended grapheme clusters (UAX #29): what a person sees as one character. */
export function charactersOf(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** Messages that answer `characters`: forwards, backwards, and the count. */
export function messagesOf({ characters }: Pick<Answer, "characters">): number {
  return 2 * characters.length + 1;
}

export function arrivedOf({ echo, reverse, count }: Answer): number {
  return echo.length + reverse.length + (count ? 1 : 0);
}

export function isUnfinished({ status }: Answer): boolean {
  return status === "waiting" || status === "streaming";
}

export class StreamModel {
  readonly store: FrameStore<StreamView>;
  #answers: Answer[] = [];
  #nextId = 1;
  #intervalMs: number | null = null;
  #problem: string | null = null;
  #send: (request: StreamRequest) => boolean;

  /** `send` says whether the request went out. */
  constructor(send: (request: StreamRequest) => boolean) {
    this.#send = send;
    this.store = new FrameStore(() => this.#view());
  }

  /** Sends a text; says why it will not. */
  ask(text: string): string | null {
    const problem = askProblem(text, this.#answers.filter(isUnfinished).length);
    if (problem) return problem;
    if (!this.#send({ message: text })) return "The connection is not open; the text stays here.";
    this.#problem = null;
    this.#answers.unshift({
      id: this.#nextId++,
      text,
      characters: charactersOf(text),
      status: "waiting",
      echo: [],
      reverse: [],
      count: null,
      firstMs: null,
      lastMs: null,
    });
    this.#forget();
    this.store.publish();
    return null;
  }

  received(data: string | ArrayBuffer, atMs: number): void {
    const item = parsed(data);
    const oldest = this.#oldestUnfinished();
    if (!item) this.#problem = "The server sent what is no answer of this service.";
    else if (item.type === "error") this.#refused(item);
    else if (oldest) this.#advance(oldest, item, atMs);
    this.store.changed();
  }

  /** The connection is gone, and with it what was not answered yet. */
  lost(status: "lost" | "stopped"): void {
    this.#answers = this.#answers.map((answer) => (isUnfinished(answer) ? { ...answer, status } : answer));
    this.store.changed();
  }

  forgetDone(): void {
    this.#answers = this.#answers.filter(isUnfinished);
    this.store.publish();
  }

  #advance(answer: Answer, item: StreamItem, atMs: number): void {
    const next = { ...answer, status: "streaming" as AnswerStatus, firstMs: answer.firstMs ?? atMs, lastMs: atMs };
    if (item.type === "stream") next.echo = [...answer.echo, item.data];
    else if (item.type === "stream_reverse") next.reverse = [...answer.reverse, item.data];
    else {
      next.count = { lastCharacter: item.last_char, count: item.count };
      next.status = "done";
    }
    const arrived = arrivedOf(next);
    if (arrived > 1) this.#intervalMs = (atMs - next.firstMs) / (arrived - 1);
    this.#replace(next);
  }

  /** Texts are read in order, and answered in order: which one is meant follows from the code. */
  #refused({ code, message }: StreamError): void {
    this.#problem = message;
    const waiting = this.#answers.filter(({ status }) => status === "waiting");
    const meant = code === "stopping" ? waiting.at(-1) : waiting[0];
    if (meant) this.#replace({ ...meant, status: "refused" });
  }

  #oldestUnfinished(): Answer | undefined {
    return this.#answers.findLast(isUnfinished);
  }

  #replace(answer: Answer): void {
    this.#answers = this.#answers.map((other) => (other.id === answer.id ? answer : other));
  }

  #forget(): void {
    const done = this.#answers.filter((answer) => !isUnfinished(answer));
    const gone = new Set(done.slice(DONE_MAX).map(({ id }) => id));
    this.#answers = this.#answers.filter(({ id }) => !gone.has(id));
  }

  #view(): StreamView {
    const current = this.#oldestUnfinished() ?? this.#answers[0] ?? null;
    return {
      answers: this.#answers,
      current,
      waiting: this.#answers.filter((answer) => isUnfinished(answer) && answer !== current).length,
      intervalMs: this.#intervalMs,
      problem: this.#problem,
    };
  }
}

/** Why a text will not be sent, or null. */
function askProblem(text: string, unfinished: number): string | null {
  if (text === "") return "Type at least one character: an empty text gets no answer.";
  const tooLong = text.length > CHARACTERS_MAX ? tooLongProblem(charactersOf(text).length) : null;
  if (tooLong) return tooLong;
  if (unfinished > WAITING_MAX) return `${WAITING_MAX} texts wait already: let some be answered first.`;
  return null;
}

/** Why a text of so many characters will not be sent, or null. */
export function tooLongProblem(characters: number): string | null {
  if (characters <= CHARACTERS_MAX) return null;
  return `That is more than ${CHARACTERS_MAX.toLocaleString("en")} characters: send it in parts.`;
}

function parsed(data: string | ArrayBuffer): StreamItem | StreamError | null {
  if (typeof data !== "string") return null;
  try {
    const value = JSON.parse(data) as StreamItem | StreamError | null;
    const known = value && ["stream", "stream_reverse", "count", "error"].includes(value.type);
    return known ? value : null;
  } catch {
    return null;
  }
}
