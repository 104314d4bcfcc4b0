// The Console's connection, whichever it is at present, and the log of what passed over it.

import { Connection, type ConnectionState, type Counters, describeState, type Sendable } from "@shared/connection";
import { formatDuration } from "@shared/format";
import { FrameStore } from "@shared/frame-store";
import { withoutCredentials } from "./address";
import { type Entry, type EventEntry, type Filter, messageOf, newLog, type Shown, View } from "./entries";

/** An echo that has not come by then is not waited for. */
export const ECHO_TIMEOUT_MS = 5_000;

export type RoundTrip =
  | { kind: "none" }
  | { kind: "measuring" }
  | { kind: "measured"; ms: number }
  /** Nothing that came contained what was sent. */
  | { kind: "unanswered" };

export interface ConsoleSnapshot extends Shown {
  readonly state: ConnectionState;
  readonly counters: Counters | null;
  /** Of the connection, not of the address field; without a user's name and password. */
  readonly url: string;
  /** Kept entries, shown or not. */
  readonly size: number;
  readonly dropped: number;
  readonly isPaused: boolean;
  readonly filter: Filter;
  readonly roundTrip: RoundTrip;
}

export class ConsoleSession {
  readonly store: FrameStore<ConsoleSnapshot>;
  #log = newLog();
  #view = new View(this.#log);
  #connection: Connection | null = null;
  #stops: (() => void)[] = [];
  #roundTrip: RoundTrip = { kind: "none" };
  #echo: { token: string; sentAtMs: number; timer: ReturnType<typeof setTimeout> } | null = null;

  constructor() {
    this.store = new FrameStore(() => this.#read());
  }

  /** Lets go of the connection there was, and opens another. */
  connect(url: string, protocols: string[], reconnects: boolean): void {
    this.#release();
    const connection = new Connection(url, { protocols, reconnect: reconnects });
    this.#connection = connection;
    let previous: ConnectionState["kind"] = "connecting";
    this.#stops = [
      connection.onOpen(() => this.#event("open", `Open${withProtocol(connection.state)}.`)),
      connection.onMessage(({ data, atMs }) => this.#heard(data, atMs)),
      connection.onClose(({ code, wasOpen }) => {
        this.#endEcho({ kind: "none" });
        // What follows (a wait, an end) is told by the state; this is for a close that is followed by another attempt.
        if (wasOpen && connection.state.kind === "reconnecting") this.#event("closed", `Closed with ${code}.`);
      }),
      connection.store.subscribe(() => {
        if (connection.state.kind !== previous) this.#became(connection.state);
        previous = connection.state.kind;
        this.store.changed();
      }),
    ];
    this.#event(
      "connecting",
      `Connecting to ${withoutCredentials(connection.url.href)}${protocols.length ? `, offering ${protocols.join(", ")}` : ""}.`,
    );
    connection.open();
    this.store.publish();
  }

  retryNow(): void {
    this.#connection?.retryNow();
  }

  close(code: number, reason: string): void {
    this.#connection?.close(code, reason);
    this.store.publish();
  }

  set reconnects(wanted: boolean) {
    if (this.#connection) this.#connection.reconnects = wanted;
  }

  /** False if there is no open connection: keep what was to be sent. */
  send(payload: Sendable): boolean {
    if (this.#connection?.send(payload) !== "sent") return false;
    const entry = messageOf(payload, "out", Date.now());
    this.#log.add((id) => ({ ...entry, id }));
    this.store.publish();
    return true;
  }

  /** Sends a text of its own and waits for it to come back. */
  measureRoundTrip(): void {
    const token = `ping ${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(16).padStart(8, "0")}`;
    this.#endEcho({ kind: "measuring" });
    if (!this.send(token)) {
      this.#endEcho({ kind: "none" });
      return;
    }
    this.#echo = {
      token,
      sentAtMs: performance.now(),
      timer: setTimeout(() => this.#endEcho({ kind: "unanswered" }), ECHO_TIMEOUT_MS),
    };
  }

  set filter(filter: Filter) {
    this.#view.filter = filter;
    this.store.publish();
  }

  togglePause(): void {
    if (this.#view.isPaused) this.#view.resume();
    else this.#view.pause();
    this.store.publish();
  }

  clear(): void {
    this.#log.clear();
    if (this.#view.isPaused) this.#view.pause();
    this.store.publish();
  }

  /** The page is left: the log stays, the connection does not. */
  leave(): void {
    const wasLive = this.#connection && !["idle", "closed", "refused"].includes(this.#connection.state.kind);
    this.#release();
    if (wasLive) this.#event("closed", "Closed: the page was left.");
  }

  #release(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#connection?.dispose();
    this.#connection = null;
    this.#endEcho({ kind: "none" });
  }

  #heard(data: string | ArrayBuffer, atMs: number): void {
    const entry = messageOf(data, "in", performance.timeOrigin + atMs);
    this.#log.add((id) => ({ ...entry, id }));
    if (this.#echo && typeof data === "string" && data.includes(this.#echo.token)) {
      const ms = atMs - this.#echo.sentAtMs;
      this.#endEcho({ kind: "measured", ms });
      this.#event("note", `Round trip: ${formatDuration(ms)}.`);
    }
    this.store.changed();
  }

  /** Logs what a state says that no message or event of the connection has said. */
  #became(state: ConnectionState): void {
    const { detail } = describeState(state);
    if (state.kind === "connecting") this.#event("connecting", `Connecting, attempt ${state.attempt}.`);
    if (state.kind === "closing") this.#event("closing", `Closing ${detail}.`);
    if (state.kind === "closed") this.#event("closed", `Closed${state.byUs ? " by this page" : ""}: ${detail}.`);
    if (state.kind === "refused") this.#event("failed", `Failed: ${state.reason}.`);
    if (state.kind === "idle") this.#event("note", "No further attempt.");
    if (state.kind === "reconnecting") {
      this.#event("waiting", `Attempt ${state.attempt} in ${state.inSeconds} s: ${state.why}.`);
    }
  }

  #endEcho(roundTrip: RoundTrip): void {
    clearTimeout(this.#echo?.timer);
    this.#echo = null;
    this.#roundTrip = roundTrip;
    this.store.changed();
  }

  #event(event: EventEntry["event"], text: string): void {
    this.#log.add<Entry>((id) => ({ kind: "event", id, time: Date.now(), event, text }));
    this.store.changed();
  }

  #read(): ConsoleSnapshot {
    return {
      ...this.#view.read(),
      state: this.#connection?.state ?? { kind: "idle" },
      counters: this.#connection?.counters ?? null,
      url: withoutCredentials(this.#connection?.url.href ?? ""),
      size: this.#log.size,
      dropped: this.#log.dropped,
      isPaused: this.#view.isPaused,
      filter: this.#view.filter,
      roundTrip: this.#roundTrip,
    };
  }
}

function withProtocol(state: ConnectionState): string {
  return state.kind === "open" && state.protocol ? `, subprotocol ${state.protocol}` : "";
}

let kept: ConsoleSession | null = null;

/** The log outlives its page: who comes back finds it. */
export function keptSession(): ConsoleSession {
  kept ??= new ConsoleSession();
  return kept;
}

/** For tests. */
export function forgetSession(): void {
  kept = null;
}
