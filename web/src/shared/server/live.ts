// The server's own figures, from /metrics/live: one connection for all pages, so that the status line knows the server's
// state everywhere and the Overview's charts do not begin empty.

import { Connection } from "../connection";
import { FrameStore } from "../frame-store";
import { PATH, type Snapshot } from "../wire/live";

/** A snapshot a second: so long a past is kept, a little more than the charts show. */
export const HISTORY_MAX = 75;
/** The round trip is measured so often, by GET /healthz: messages would show up in the figures. */
const ROUND_TRIP_EVERY_MS = 5_000;

export interface Live {
  /** Oldest first; those before a reconnection stay. */
  readonly history: readonly Snapshot[];
  readonly latest: Snapshot | null;
  /** Of an HTTP request and its answer. */
  readonly roundTripMs: number | null;
}

export class LiveFeed {
  readonly connection: Connection;
  readonly store: FrameStore<Live>;
  #history: readonly Snapshot[] = [];
  #roundTripMs: number | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(path = PATH) {
    this.connection = new Connection(path);
    this.store = new FrameStore(() => ({
      history: this.#history,
      latest: this.#history.at(-1) ?? null,
      roundTripMs: this.#roundTripMs,
    }));
    this.connection.onMessage(({ data }) => this.#take(data));
    this.connection.onOpen(() => void this.#measure());
    this.connection.onClose(() => this.#setRoundTrip(null));
  }

  /** Starts; returns how to stop. */
  start(): () => void {
    this.connection.open();
    this.#timer = setInterval(() => {
      if (this.connection.state.kind === "open" && !document.hidden) void this.#measure();
    }, ROUND_TRIP_EVERY_MS);
    return () => {
      clearInterval(this.#timer);
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

  async #measure(): Promise<void> {
    const startedMs = performance.now();
    try {
      await fetch("/healthz", { cache: "no-store" });
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
