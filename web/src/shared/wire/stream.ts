// Generated from crates/wigwag-services/src/stream.rs. To renew it:
// UPDATE_WIRE=1 cargo test -p wigwag-services wire_types

/** What a client sends. */
export type StreamRequest = {
  /** The text to be answered. */
  message: string;
};

/** One message of an answer. */
export type StreamItem = {
  "type": "stream";
  /** One character. */
  data: string;
} | {
  "type": "stream_reverse";
  /** One character. */
  data: string;
} | {
  "type": "count";
  /** The text's last character. */
  last_char: string;
  /** How often it occurs before. */
  count: number;
};

/** Why a message is not answered with its characters, as it is told. */
export type StreamError = {
  "type": "error";
  /** For programs. */
  code: StreamErrorCode;
  /** For people. */
  message: string;
};

/** What is wrong, in a word; docs/services/stream.md explains each. */
export type StreamErrorCode = "binary" | "invalid_message" | "invalid_json" | "queue_full" | "stopping";
