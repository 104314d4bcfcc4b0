import { afterEach, beforeEach, vi } from "vitest";

/** Stands for the browser's WebSocket; a test plays the server: `accept`, `say`, `end`, `fail`. */
export class FakeWebSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  readonly sent: (string | ArrayBuffer | ArrayBufferView)[] = [];
  readyState = FakeWebSocket.CONNECTING;
  protocol = "";
  binaryType = "blob";
  bufferedAmount = 0;
  /** What the page closed with. */
  closedWith: { code: number | undefined; reason: string | undefined } | null = null;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    sockets.push(this);
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    this.readyState = FakeWebSocket.CLOSING;
    this.closedWith = { code, reason };
  }

  /** The handshake succeeds. */
  accept(protocol = ""): void {
    this.protocol = protocol;
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.();
  }

  /** A message of the server's; objects go as JSON. */
  say(data: string | ArrayBuffer | object): void {
    const raw = typeof data === "string" || data instanceof ArrayBuffer ? data : JSON.stringify(data);
    this.onmessage?.({ data: raw });
  }

  /** The connection ends, by the server's Close or (1006) without one. */
  end(code = 1006, reason = ""): void {
    this.readyState = FakeWebSocket.CLOSED;
    this.onclose?.({ code, reason });
  }

  /** The handshake fails; a browser says no more than this. */
  fail(): void {
    this.end(1006);
  }
}

let sockets: FakeWebSocket[] = [];

/** In a suite: no test reaches a network. Gives access to the sockets that the code under test made, latest last. */
export function fakeWebSockets() {
  beforeEach(() => {
    sockets = [];
    vi.stubGlobal("WebSocket", FakeWebSocket);
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network in tests")));
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  return {
    all: () => sockets,
    /** The latest one, of this path if one is given. */
    latest: (path?: string): FakeWebSocket => {
      const found = sockets.filter((socket) => !path || new URL(socket.url).pathname === path).at(-1);
      if (!found) throw new Error(`no connection was made${path ? ` to ${path}` : ""}`);
      return found;
    },
  };
}
