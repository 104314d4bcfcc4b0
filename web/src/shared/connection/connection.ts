// One WebSocket as pages want it: it comes back by itself, says what it does, and counts. Knows nothing of React or of any
// service. The protocol itself is the browser's; pings are too (a page can neither send nor see them).

import { FrameStore } from "../frame-store";
import { backoffMs, STABLE_AFTER_MS } from "./backoff";
import { closeCodeName, closeInWords, isWorthReconnecting } from "./close-codes";
import { type Probe, probe, verdict } from "./probe";

/** An attempt that has not succeeded by then is given up. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** Our Close that is not answered by then is given up. */
export const CLOSE_TIMEOUT_MS = 5_000;

export type ConnectionState =
  | { kind: "idle" }
  | { kind: "connecting"; attempt: number }
  | { kind: "open"; protocol: string; sinceMs: number }
  | { kind: "closing"; code: number; meaning: string }
  /** Lost or not yet had; tried again `inSeconds` from now, as attempt `attempt`. */
  | { kind: "reconnecting"; inSeconds: number; attempt: number; why: string }
  /** The server will not have it, and asking again would change nothing. */
  | { kind: "refused"; reason: string }
  | { kind: "closed"; code: number; meaning: string; reason: string; byUs: boolean };

export interface Counters {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How often it was open. */
  readonly opens: number;
  /** Messages that wait for the connection to open. */
  readonly held: number;
}

export interface ConnectionSnapshot {
  readonly state: ConnectionState;
  readonly counters: Counters;
}

export interface Received {
  readonly data: string | ArrayBuffer;
  /** Payload bytes, text as UTF-8. */
  readonly bytes: number;
  /** On `performance.now()`'s clock. */
  readonly atMs: number;
}

export interface ClosedBy {
  readonly code: number;
  readonly reason: string;
  readonly wasOpen: boolean;
}

/** What `send` does while the connection is not open: say no, or hold so much and then say no. */
export type QueuePolicy = { kind: "refuse" } | { kind: "hold"; messagesMax: number; bytesMax: number };

export interface ConnectionOptions {
  /** Offered subprotocols. */
  protocols?: string[];
  /** Default: refuse. */
  queue?: QueuePolicy;
  /** Comes back by itself where that makes sense. Default: true. */
  reconnect?: boolean;
  connectTimeoutMs?: number;
  /** For tests. */
  webSocket?: (url: string, protocols: string[]) => WebSocket;
  probe?: Probe;
  random?: () => number;
}

export type Sendable = string | ArrayBuffer | Uint8Array<ArrayBuffer>;
export type SendOutcome = "sent" | "held" | "refused";

export class Connection {
  readonly url: URL;
  /** What React reads: at most once per animation frame. */
  readonly store: FrameStore<ConnectionSnapshot>;

  #options: Required<ConnectionOptions>;
  #state: ConnectionState = { kind: "idle" };
  #counters = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, opens: 0 };
  #socket: WebSocket | null = null;
  #held: Sendable[] = [];
  #heldBytes = 0;
  /** Failures in a row. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onMessage = new Set<(message: Received) => void>();
  #onOpen = new Set<() => void>();
  #onClose = new Set<(close: ClosedBy) => void>();

  constructor(url: string | URL, options: ConnectionOptions = {}) {
    this.url = webSocketUrl(url);
    this.#options = {
      protocols: [],
      queue: { kind: "refuse" },
      reconnect: true,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      webSocket: (address, protocols) => new WebSocket(address, protocols),
      probe,
      random: Math.random,
      ...options,
    };
    this.store = new FrameStore(() => ({ state: this.#state, counters: this.counters }));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get counters(): Counters {
    return { ...this.#counters, held: this.#held.length };
  }

  /** Bytes that were sent and are still in the browser: above a mark of yours, wait. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Whether it comes back by itself; off, a wait for the next attempt ends. */
  get reconnects(): boolean {
    return this.#options.reconnect;
  }

  set reconnects(wanted: boolean) {
    this.#options.reconnect = wanted;
    if (!wanted && this.#state.kind === "reconnecting") this.close();
  }

  /** Connects, unless it already does. */
  open(): void {
    if (this.#socket || this.#state.kind === "reconnecting") return;
    this.#failures = 0;
    this.#connect();
  }

  /** Ends a wait: connects at once. Also the way back from `refused` and `closed`. */
  retryNow(): void {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Closes, and stays closed. Code and reason must pass `closeProblem`. */
  close(code = 1000, reason = ""): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket && this.#state.kind === "open") {
      socket.close(code, reason);
      this.#become({ kind: "closing", code, meaning: closeCodeName(code) });
      this.#timer = setTimeout(() => {
        this.#abandon();
        this.#lost(1006, "the other side did not answer our Close", 0);
      }, CLOSE_TIMEOUT_MS);
    } else if (this.#state.kind !== "closing") {
      this.#abandon();
      if (this.#state.kind !== "closed") this.#become({ kind: "idle" });
    }
  }

  /** Closes without waiting for the other side, and tells nobody: for a page that is left. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#abandon();
    this.#become({ kind: "idle" });
  }

  send(data: Sendable): SendOutcome {
    if (this.#socket && this.#state.kind === "open") {
      this.#transmit(this.#socket, data);
      return "sent";
    }
    const { queue } = this.#options;
    const bytes = byteLength(data);
    if (queue.kind === "refuse" || this.#held.length >= queue.messagesMax || this.#heldBytes + bytes > queue.bytesMax) {
      return "refused";
    }
    this.#held.push(data);
    this.#heldBytes += bytes;
    this.store.changed();
    return "held";
  }

  /** Takes back what is held for the next opening. */
  dropHeld(): Sendable[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.store.changed();
    return held;
  }

  /** Each returns how to stop listening. */
  onMessage = (listener: (message: Received) => void) => listen(this.#onMessage, listener);
  /** At every opening, before what was held is sent: the place to subscribe again. */
  onOpen = (listener: () => void) => listen(this.#onOpen, listener);
  onClose = (listener: (close: ClosedBy) => void) => listen(this.#onClose, listener);

  #connect(): void {
    this.#become({ kind: "connecting", attempt: this.#failures + 1 });
    let socket: WebSocket;
    try {
      socket = this.#options.webSocket(this.url.href, this.#options.protocols);
    } catch (error) {
      this.#become({ kind: "refused", reason: constructionProblem(error, this.url) });
      return;
    }
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let openedAtMs: number | null = null;

    socket.onopen = () => {
      openedAtMs = performance.now();
      this.#opened(socket);
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.#received(event.data);
    socket.onclose = ({ code, reason }) => {
      this.#socket = null;
      clearTimeout(this.#timer);
      if (openedAtMs === null) void this.#failed();
      else this.#lost(code, reason, performance.now() - openedAtMs);
    };
    this.#timer = setTimeout(() => {
      this.#abandon(true);
      this.#again(`no answer within ${this.#options.connectTimeoutMs / 1000} s`);
    }, this.#options.connectTimeoutMs);
  }

  #opened(socket: WebSocket): void {
    clearTimeout(this.#timer);
    this.#counters.opens += 1;
    this.#become({ kind: "open", protocol: socket.protocol, sinceMs: performance.now() });
    for (const listener of [...this.#onOpen]) listener();
    for (const data of this.dropHeld()) this.#transmit(socket, data);
  }

  #transmit(socket: WebSocket, data: Sendable): void {
    socket.send(data);
    this.#counters.messagesOut += 1;
    this.#counters.bytesOut += byteLength(data);
    this.store.changed();
  }

  #received(data: string | ArrayBuffer): void {
    const message = { data, bytes: byteLength(data), atMs: performance.now() };
    this.#counters.messagesIn += 1;
    this.#counters.bytesIn += message.bytes;
    this.store.changed();
    for (const listener of [...this.#onMessage]) listener(message);
  }

  /** It was open, and is no more. */
  #lost(code: number, reason: string, heldMs: number): void {
    const byUs = this.#state.kind === "closing";
    const meaning = closeCodeName(code);
    if (heldMs >= STABLE_AFTER_MS) this.#failures = 0;
    if (byUs || !this.#options.reconnect || !isWorthReconnecting(code)) {
      this.#become({ kind: "closed", code, meaning, reason, byUs });
    } else {
      this.#again(`closed with ${closeInWords(code, reason)}`);
    }
    for (const listener of [...this.#onClose]) listener({ code, reason, wasOpen: true });
  }

  /** It never opened. */
  async #failed(): Promise<void> {
    const attempted = this.#state;
    for (const listener of [...this.#onClose]) listener({ code: 1006, reason: "", wasOpen: false });
    const { why, final } = verdict(await this.#options.probe(this.url));
    // While the probe ran, somebody may have closed or connected.
    if (this.#state !== attempted || this.#socket) return;
    if (final) this.#become({ kind: "refused", reason: why });
    else this.#again(why);
  }

  /** Waits, counting down, and connects. */
  #again(why: string): void {
    if (!this.#options.reconnect) {
      this.#become({ kind: "refused", reason: why });
      return;
    }
    this.#failures += 1;
    const attempt = this.#failures + 1;
    const waitMs = backoffMs(this.#failures, this.#options.random());
    const dueMs = performance.now() + waitMs;
    const tick = () => {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) {
        this.#connect();
        return;
      }
      const inSeconds = Math.ceil(leftMs / 1000);
      this.#become({ kind: "reconnecting", inSeconds, attempt, why });
      // Wakes when the shown second changes.
      this.#timer = setTimeout(tick, leftMs - (inSeconds - 1) * 1000);
    };
    tick();
  }

  /**
   * Lets go of the socket; what it still says is heard by nobody. One that is still connecting is closed as soon as it is
   * open: closed before, it would be an error on the browser's console. A server that does not answer is given up `atOnce`.
   */
  #abandon(atOnce = false): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState === WebSocket.CONNECTING && !atOnce) socket.onopen = () => socket.close();
    else socket.close();
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    this.store.changed();
  }
}

/** A path of this server (`/random`), or a whole ws://, wss://, http:// or https:// URL. Throws where it is none. */
export function webSocketUrl(url: string | URL): URL {
  const whole = new URL(url, globalThis.location?.href);
  if (whole.protocol === "http:") whole.protocol = "ws:";
  if (whole.protocol === "https:") whole.protocol = "wss:";
  if (whole.protocol !== "ws:" && whole.protocol !== "wss:")
    throw new TypeError(`${whole.protocol} is not ws: or wss:`);
  whole.hash = "";
  return whole;
}

function constructionProblem(error: unknown, url: URL): string {
  if (globalThis.location?.protocol === "https:" && url.protocol === "ws:") {
    return "this page came over https, so the browser allows wss:// only; use a wss:// address, or load the page over http";
  }
  return error instanceof Error ? error.message : String(error);
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Bytes on the wire: text counts as UTF-8. */
export function byteLength(data: Sendable): number {
  if (typeof data !== "string") return data.byteLength;
  let bytes = data.length;
  for (let index = 0; index < data.length; index += 1) {
    const unit = data.charCodeAt(index);
    if (unit > 0x7ff) bytes += 2;
    else if (unit > 0x7f) bytes += 1;
    // A pair's second half adds nothing; a half without its partner is sent as U+FFFD, three bytes.
    if (unit >= 0xd800 && unit <= 0xdbff && (data.charCodeAt(index + 1) & 0xfc00) === 0xdc00) index += 1;
  }
  return bytes;
}
