import type { ReactNode } from "react";
import { type ConnectionState, describeState } from "../connection";
import styles from "./Badge.module.css";
import { classes } from "./classes";

export type Tone = "neutral" | "ok" | "warn" | "bad" | "in" | "out";

/** A word with a colour; the word alone must say it. */
export function Badge({
  tone = "neutral",
  children,
  className,
}: {
  tone?: Tone;
  children: ReactNode;
  className?: string;
}) {
  return <span className={classes(styles.badge, styles[tone], className)}>{children}</span>;
}

/** A connection's state as a badge. Its width is kept for the longest usual word, so that nothing beside it moves. */
export function StateBadge({ state }: { state: ConnectionState }) {
  const { tone, word } = describeState(state);
  return (
    <span className={classes(styles.badge, styles.state, styles[tone])} data-state={state.kind}>
      <span className={styles.dot} aria-hidden="true" />
      {word}
    </span>
  );
}
