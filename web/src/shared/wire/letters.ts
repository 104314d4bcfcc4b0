// Generated from crates/wigwag-services/src/letters.rs. To renew it:
// UPDATE_WIRE=1 cargo test -p wigwag-services wire_types

/** What a client sends. */
export type LettersRequest = {
  action: "subscribe" | "unsubscribe";
  /** A to Z, in any case. */
  letter: string;
};

/** What a client is told. The keys are letters, A to Z, but for `error`. */
export type LettersMessage = { [key in string]: number } | { [key in string]: string } | { error: string };
