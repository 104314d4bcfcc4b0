// Generated from crates/wigwag-server/src/http/site.rs. To renew it:
// UPDATE_WIRE=1 cargo test -p wigwag-server wire_types

/** An answer other than a page, as JSON. */
export type HttpProblem = {
  /** For programs: one word. */
  error: string;
  /** For people. */
  message: string;
  /** That of the answer. */
  status: number;
};
