import { formatCount, formatLongDuration, formatPercent } from "../format";
import styles from "./Progress.module.css";

export interface ProgressProps {
  label: string;
  done: number;
  total: number;
  /** When it began, on `performance.now()`'s clock: gives the remaining time. */
  startedAtMs?: number;
  /** For tests; default: now. */
  nowMs?: number;
}

/** Long work: how far, how much longer. Put a stop beside it. */
export function Progress({ label, done, total, startedAtMs, nowMs = performance.now() }: ProgressProps) {
  const fraction = total > 0 ? done / total : 0;
  return (
    <div className={styles.progress}>
      <div className={styles.words}>
        <span>
          {label}: {formatCount(done)} of {formatCount(total)}
        </span>
        <span>
          {formatPercent(fraction)}, {remaining(done, total, startedAtMs, nowMs)}
        </span>
      </div>
      <progress className={styles.bar} max={total} value={done} aria-label={label} />
    </div>
  );
}

/** "about 5 s left", from the pace so far; says nothing it cannot know. */
function remaining(done: number, total: number, startedAtMs: number | undefined, nowMs: number): string {
  if (done >= total) return "done";
  if (startedAtMs === undefined || done === 0) return "time left not known yet";
  const seconds = (((nowMs - startedAtMs) / done) * (total - done)) / 1000;
  return `about ${formatLongDuration(Math.max(1, Math.ceil(seconds)))} left`;
}
