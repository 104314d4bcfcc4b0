// Close codes: their names (RFC 6455 §7.4.1 and IANA's registry), and what a browser may send itself.

const NAMES: Record<number, string> = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no status received",
  1006: "abnormal closure: the connection broke off",
  1007: "invalid frame payload data",
  1008: "policy violation",
  1009: "message too big",
  1010: "mandatory extension missing",
  1011: "internal error",
  1012: "service restart",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS handshake failed",
  3000: "unauthorized",
  3003: "forbidden",
  3008: "timeout",
};

/** Codes after which the same connection would meet the same end: what was sent, or who asked, is the cause. */
const FINAL = new Set([1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 3000, 3003]);

/** The close frame's reason may hold so many bytes (RFC 6455 §5.5: 125 for a control frame, 2 of them for the code). */
export const CLOSE_REASON_BYTES_MAX = 123;

/** `1001` as "going away". */
export function closeCodeName(code: number): string {
  const name = NAMES[code];
  if (name) return name;
  if (code >= 4000 && code <= 4999) return "of the application's own";
  if (code >= 3000 && code <= 3999) return "registered by a library";
  return "not assigned";
}

/** `1009` as "1009, message too big: the limit is 1 MiB"; a reason that begins with the code's name is not said twice. */
export function closeInWords(code: number, reason: string): string {
  const name = closeCodeName(code);
  if (!reason) return `${code}, ${name}`;
  return reason.toLowerCase().startsWith(name) ? `${code}, ${reason}` : `${code}, ${name}: ${reason}`;
}

/** Whether connecting again makes sense after this code. */
export function isWorthReconnecting(code: number): boolean {
  return !FINAL.has(code);
}

/** Why a page may not close with this code and reason; null if it may. */
export function closeProblem(code: number, reason: string): string | null {
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) return "a browser may close with 1000 or 3000–4999 only";
  const bytes = new TextEncoder().encode(reason).length;
  if (bytes > CLOSE_REASON_BYTES_MAX) return `the reason has ${bytes} bytes; ${CLOSE_REASON_BYTES_MAX} fit`;
  return null;
}
