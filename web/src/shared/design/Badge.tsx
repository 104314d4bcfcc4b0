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

/** A connection's state as a badge. `held`: open as far as a gateway, which holds it until its upstream answers. */
export function StateBadge({ state, held = false }: { state: ConnectionState; held?: boolean }) {
  const isHeld = held && state.kind === "open";
  const { tone, word } = isHeld ? { tone: "warn" as const, word: "held" } : describeState(state);
  return (
    <span className={classes(styles.badge, styles.state, styles[tone])} data-state={state.kind}>
      <span className={styles.dot} aria-hidden="true" />
      {word}
    </span>
  );
}
