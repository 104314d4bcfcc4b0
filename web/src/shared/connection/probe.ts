// Why a handshake failed: a browser tells a page nothing about it, so the same address is asked over plain HTTP.

import { fetchHealth, upstreamOf, upstreamProblem } from "./health";

/** What plain HTTP says about an address where a WebSocket could not be opened. */
export type Finding =
  /** It answered: `status`, and what it says in words. */
  | { kind: "answered"; status: number; message: string }
  /** A gateway answered, and nobody behind it. */
  | { kind: "relayedToNobody"; problem: string }
  /** The address has the other scheme than what is spoken at this host and port. */
  | { kind: "otherScheme"; speaks: "ws" | "wss" }
  /** Nobody answers. */
  | { kind: "unreachable" }
  /** It cannot be asked: another origin. */
  | { kind: "unknown" };

export type Probe = (url: URL) => Promise<Finding>;

const PROBE_TIMEOUT_MS = 5_000;
const MESSAGE_CHARACTERS_MAX = 300;

/** Asks by GET, of the page's own origin only. */
export async function probe(url: URL): Promise<Finding> {
  const here = globalThis.location;
  if (url.hostname !== here?.hostname || portOf(url) !== portOf(here)) return { kind: "unknown" };
  if (isSecure(url) !== isSecure(here)) return { kind: "otherScheme", speaks: isSecure(here) ? "wss" : "ws" };
  try {
    const response = await fetch(url.pathname + url.search, {
      cache: "no-store",
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const { status } = response;
    return (
      (isThere(status) && (await relayedToNobody(url.pathname))) || {
        kind: "answered",
        status,
        message: messageIn(await response.text()),
      }
    );
  } catch {
    return { kind: "unreachable" };
  }
}

/** A relayed path answers a GET whatever is behind it: only /healthz says that nobody is. */
async function relayedToNobody(path: string): Promise<Finding | null> {
  const upstream = upstreamOf(await fetchHealth(), path);
  return upstream && !upstream.answers ? { kind: "relayedToNobody", problem: upstreamProblem(upstream) } : null;
}

/** A WebSocket's path answers a plain GET with 426, a page's with 200. */
function isThere(status: number): boolean {
  return status === 426 || status < 400;
}

function isSecure({ protocol }: { protocol: string }): boolean {
  return protocol === "https:" || protocol === "wss:";
}

function portOf(url: { protocol: string; port: string }): string {
  return url.port || (isSecure(url) ? "443" : "80");
}

/** The server's errors are JSON with a `message`, or a line of text; a page of HTML says nothing here. */
function messageIn(body: string): string {
  let message = body;
  try {
    const parsed: unknown = JSON.parse(body);
    if (parsed && typeof parsed === "object" && "message" in parsed) message = String(parsed.message);
  } catch {
    if (body.trimStart().startsWith("<")) message = "";
  }
  return message.trim().slice(0, MESSAGE_CHARACTERS_MAX);
}

/** What a finding means for who wants to connect. */
export function verdict(finding: Finding): { why: string; final: boolean } {
  if (finding.kind === "unreachable") return { why: "the server does not answer", final: false };
  if (finding.kind === "unknown") return { why: "could not connect; the browser does not tell why", final: false };
  if (finding.kind === "relayedToNobody") return { why: finding.problem, final: false };
  if (finding.kind === "otherScheme") {
    const words = finding.speaks === "ws" ? "plain ws://" : "wss:// (TLS)";
    return { why: `this server speaks ${words} here: use ${finding.speaks}:// in the address`, final: true };
  }
  const { status, message } = finding;
  if (isThere(status)) {
    return {
      why: "the service is there, but the handshake failed; the browser does not tell why, the server's log does",
      final: false,
    };
  }
  const mayPass = status >= 500 || [408, 425, 429].includes(status);
  return { why: message ? `${status}: ${message}` : `the server answered ${status}`, final: !mayPass };
}
