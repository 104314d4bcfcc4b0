import { closeInWords } from "./close-codes";
import type { ConnectionState } from "./connection";

export type Tone = "neutral" | "ok" | "warn" | "bad";

/** A state in words: a short one for a badge, what else there is to say, and how grave it is. */
export function describeState(state: ConnectionState): { tone: Tone; word: string; detail: string } {
  switch (state.kind) {
    case "idle":
      return { tone: "neutral", word: "not connected", detail: "" };
    case "connecting":
      return { tone: "warn", word: "connecting", detail: state.attempt > 1 ? `attempt ${state.attempt}` : "" };
    case "open":
      return { tone: "ok", word: "open", detail: state.protocol ? `subprotocol ${state.protocol}` : "" };
    case "closing":
      return { tone: "warn", word: "closing", detail: `with ${state.code}, ${state.meaning}` };
    case "reconnecting":
      return {
        tone: "warn",
        word: `reconnecting in ${state.inSeconds} s`,
        detail: `attempt ${state.attempt}; ${state.why}`,
      };
    case "refused":
      return { tone: "bad", word: "refused", detail: state.reason };
    case "closed":
      return {
        tone: state.code === 1000 || state.byUs ? "neutral" : "bad",
        word: "closed",
        detail: closeInWords(state.code, state.reason),
      };
  }
}
