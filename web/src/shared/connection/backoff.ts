// How long to wait before connecting again.

/** The first wait is at most this, each further one twice as much. */
export const BACKOFF_FIRST_MS = 500;
/** No wait is longer. */
export const BACKOFF_MAX_MS = 30_000;
/** A connection that held so long is taken as sound: the next failure begins with the first wait again. */
export const STABLE_AFTER_MS = 5_000;

/**
 * The wait before attempt `attempt` (from 1 on): exponential, with its upper half random, so that a thousand pages which
 * lost the same server do not come back in the same instant. `random` is in 0–1.
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(ceiling * (0.5 + random / 2));
}
