// Why a handshake failed: a browser tells a page nothing about it, so the same address is asked over plain HTTP.

/** What plain HTTP says about an address where a WebSocket could not be opened. */
export type Finding =
  /** It answered: `status`, and what it says in words. */
  | { kind: "answered"; status: number; message: string }
  /** Nobody answers. */
  | { kind: "unreachable" }
  /** It cannot be asked: another origin. */
  | { kind: "unknown" };

export type Probe = (url: URL) => Promise<Finding>;

const PROBE_TIMEOUT_MS = 5_000;
const MESSAGE_CHARACTERS_MAX = 300;

/** Asks by GET, of the page's own origin only. */
export async function probe(url: URL): Promise<Finding> {
  if (url.host !== globalThis.location?.host) return { kind: "unknown" };
  try {
    const response = await fetch(url.pathname + url.search, {
      cache: "no-store",
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return { kind: "answered", status: response.status, message: messageIn(await response.text()) };
  } catch {
    return { kind: "unreachable" };
  }
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
  const { status, message } = finding;
  if (status === 426 || status < 400) {
    return {
      why: "the service is there, but the handshake failed; the browser does not tell why, the server's log does",
      final: false,
    };
  }
  const mayPass = status >= 500 || [408, 425, 429].includes(status);
  return { why: message ? `${status}: ${message}` : `the server answered ${status}`, final: !mayPass };
}
