// Asks /random for numbers and keeps what came: pure of React, told of messages by whoever holds the connection.

import type { Connection, Received } from "@shared/connection";
import { FrameStore } from "@shared/frame-store";

export const NUMBER_MIN = 1;
export const NUMBER_MAX = 100;
/** So many round trips are remembered for the percentiles. */
const ROUND_TRIPS_MAX = 1_000;
/** Asked while not connected: so many wait for the connection. */
export const HELD_MAX = 1_000;

export interface Answers {
  readonly asked: number;
  readonly answered: number;
  /** Asked, and not answered yet. */
  readonly waiting: number;
  /** Asked on a connection that broke off before the answer: nobody knows whether the server saw it. */
  readonly lost: number;
  /** The newest number; null before the first. */
  readonly latest: number | null;
  /** The newest answer as it came. */
  readonly text: string | null;
  /** Answers that do not repeat the question and end with a number from 1 to 100. */
  readonly wrong: number;
  /** How often each number came; `[0]` is for 1. */
  readonly counts: readonly number[];
  /** In milliseconds, oldest first. */
  readonly roundTrips: readonly number[];
}

interface Question {
  text: string;
  /** Null while it waits for the connection. */
  sentAtMs: number | null;
}

export class Asker {
  #connection: Connection;
  #asked = 0;
  #answered = 0;
  #lost = 0;
  #wrong = 0;
  #latest: number | null = null;
  #text: string | null = null;
  #counts = new Array<number>(NUMBER_MAX).fill(0);
  #roundTrips: number[] = [];
  /** The server answers in the order of the questions. */
  #questions: Question[] = [];
  /** After the fields that it reads. */
  readonly store = new FrameStore<Answers>(() => this.#read());

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Listens to the connection; returns how to stop. */
  listen(): () => void {
    const stops = [
      this.#connection.onMessage((message) => this.#take(message)),
      this.#connection.onOpen(() => this.#sendHeld()),
      this.#connection.onClose(() => this.#lose()),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#lose();
    };
  }

  /** Asks so often; what finds no place any more is not asked. */
  ask(times = 1): void {
    for (let turn = 0; turn < times; turn += 1) {
      const text = `question ${this.#asked + 1}`;
      const outcome = this.#connection.send(text);
      if (outcome === "refused") break;
      this.#questions.push({ text, sentAtMs: outcome === "sent" ? performance.now() : null });
      this.#asked += 1;
    }
    this.store.publish();
  }

  /** Forgets everything but what is under way. */
  clear(): void {
    this.#asked = this.#questions.length;
    this.#answered = this.#lost = this.#wrong = 0;
    this.#latest = this.#text = null;
    this.#counts = new Array<number>(NUMBER_MAX).fill(0);
    this.#roundTrips = [];
    this.store.publish();
  }

  /** The connection is open and about to send what it held. */
  #sendHeld(): void {
    const now = performance.now();
    for (const question of this.#questions) question.sentAtMs ??= now;
  }

  #take({ data, atMs }: Received): void {
    const question = this.#questions.shift();
    if (!question || typeof data !== "string") {
      this.#wrong += 1;
      this.store.changed();
      return;
    }
    this.#answered += 1;
    this.#text = data;
    this.#roundTrips = [...this.#roundTrips.slice(1 - ROUND_TRIPS_MAX), atMs - (question.sentAtMs ?? atMs)];
    const number = numberIn(data, question.text);
    if (number === null) this.#wrong += 1;
    else {
      this.#latest = number;
      this.#counts[number - NUMBER_MIN] = (this.#counts[number - NUMBER_MIN] ?? 0) + 1;
    }
    this.store.changed();
  }

  /** What was sent and not answered will not be; what is held still can. */
  #lose(): void {
    const held = this.#questions.filter((question) => question.sentAtMs === null);
    this.#lost += this.#questions.length - held.length;
    this.#questions = held;
    this.store.changed();
  }

  #read(): Answers {
    return {
      asked: this.#asked,
      answered: this.#answered,
      waiting: this.#questions.length,
      lost: this.#lost,
      latest: this.#latest,
      text: this.#text,
      wrong: this.#wrong,
      counts: [...this.#counts],
      roundTrips: this.#roundTrips,
    };
  }
}

/** The number in an answer to this question; null if it is none. */
export function numberIn(answer: string, question: string): number | null {
  const number = answer.startsWith(`${question} `) ? answer.slice(question.length + 1) : "";
  if (!/^[1-9]\d{0,2}$/.test(number)) return null;
  return Number(number) <= NUMBER_MAX ? Number(number) : null;
}

/** The value that this fraction does not exceed; null of nothing. */
export function percentile(values: readonly number[], fraction: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? null;
}
