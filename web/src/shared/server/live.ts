// The server's own figures, from /metrics/live: one connection for all pages, so that the status line knows the server's
// state everywhere and the Overview's charts do not begin empty.

import { Connection, fetchHealth, type Health } from "../connection";
import { FrameStore } from "../frame-store";
import { PATH, type Snapshot } from "../wire/live";

/** A snapshot a second: so long a past is kept, a little more than the charts show. */
export const HISTORY_MAX = 75;
/** The round trip is measured so often, by GET /readyz: messages would show up in the figures, and for /healthz a gateway asks others. */
const ROUND_TRIP_EVERY_MS = 5_000;
/** So often /healthz is asked, and … */
const HEALTH_EVERY_MS = 10_000;
/** … so often while an upstream does not answer. */
const HEALTH_WHILE_AWAY_MS = 2_000;
/** A gateway's knowledge of its upstreams may be a second old: after a change it is asked twice. */
const HEALTH_AGAIN_MS = 1_500;

export interface Live {
  /** Oldest first; those before a reconnection stay. */
  readonly history: readonly Snapshot[];
  readonly latest: Snapshot | null;
  /** Of an HTTP request and its answer. */
  readonly roundTripMs: number | null;
  /** What it said last about itself and, if it is a gateway, about its upstreams. */
  readonly health: Health | null;
}

/** Before anything is known. */
export const NOTHING_KNOWN: Live = { history: [], latest: null, roundTripMs: null, health: null };

export class LiveFeed {
  readonly connection: Connection;
  readonly store: FrameStore<Live>;
  #history: readonly Snapshot[] = [];
  #roundTripMs: number | null = null;
  #health: Health | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #healthTimer: ReturnType<typeof setTimeout> | undefined;
  /** Numbers the questions after the health: the latest one says when the next follows. */
  #healthAsked = 0;

  constructor(path = PATH) {
    this.connection = new Connection(path);
    this.store = new FrameStore(() => ({
      history: this.#history,
      latest: this.#history.at(-1) ?? null,
      roundTripMs: this.#roundTripMs,
      health: this.#health,
    }));
    this.connection.onMessage(({ data }) => this.#take(data));
    this.connection.onOpen(() => {
      void this.#measure();
      this.askHealth();
    });
    this.connection.onClose(() => this.#setRoundTrip(null));
  }

  /** Starts; returns how to stop. */
  start(): () => void {
    this.connection.open();
    this.#timer = setInterval(() => {
      // A server that stops says 503, which the browser would report as an error of the page's.
      if (this.#isWatched && !this.#history.at(-1)?.draining) void this.#measure();
    }, ROUND_TRIP_EVERY_MS);
    return () => {
      clearInterval(this.#timer);
      clearTimeout(this.#healthTimer);
      this.#healthAsked += 1;
      this.connection.dispose();
    };
  }

  #take(data: string | ArrayBuffer): void {
    const snapshot = parseSnapshot(data);
    if (!snapshot) return;
    // A server that was restarted counts from 0 again: its past is another's.
    const last = this.#history.at(-1);
    const restarted = last && snapshot.uptime_seconds < last.uptime_seconds;
    this.#history = [...(restarted ? [] : this.#history), snapshot].slice(-HISTORY_MAX);
    this.store.changed();
  }

  /** Asks after the health now and a little later: something has just changed. */
  askHealth(): void {
    void this.#askHealth(HEALTH_AGAIN_MS);
  }

  async #askHealth(nextMs?: number): Promise<void> {
    clearTimeout(this.#healthTimer);
    const question = ++this.#healthAsked;
    const health = this.#isWatched ? await fetchHealth() : null;
    if (health) {
      this.#health = health;
      this.store.changed();
    }
    if (question !== this.#healthAsked) return;
    const isAway = this.#health?.upstreams?.some(({ answers }) => !answers);
    const waitMs = nextMs ?? (isAway ? HEALTH_WHILE_AWAY_MS : HEALTH_EVERY_MS);
    this.#healthTimer = setTimeout(() => void this.#askHealth(), waitMs);
  }

  get #isWatched(): boolean {
    return this.connection.state.kind === "open" && !document.hidden;
  }

  async #measure(): Promise<void> {
    const startedMs = performance.now();
    try {
      await fetch("/readyz", { cache: "no-store" });
      this.#setRoundTrip(performance.now() - startedMs);
    } catch {
      this.#setRoundTrip(null);
    }
  }

  #setRoundTrip(ms: number | null): void {
    this.#roundTripMs = ms;
    this.store.changed();
  }
}

/** Null for what is no snapshot: behind another server's path of this name, anything may speak. */
function parseSnapshot(data: string | ArrayBuffer): Snapshot | null {
  if (typeof data !== "string") return null;
  try {
    const parsed = JSON.parse(data) as Partial<Snapshot> | null;
    return parsed?.latency && Array.isArray(parsed.services) && typeof parsed.uptime_seconds === "number"
      ? (parsed as Snapshot)
      : null;
  } catch {
    return null;
  }
}
