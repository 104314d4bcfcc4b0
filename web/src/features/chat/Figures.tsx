import { ArrowDownIcon, Button, Card, Equation, RetryIcon } from "@shared/design";
import { formatCount, formatDuration } from "@shared/format";
import { HISTORY_BYTES_MAX, HISTORY_ENTRIES_MAX } from "./conversation";
import styles from "./Figures.module.css";
import type { ChatSnapshot } from "./session";

/** The whole conversation in numbers, and what to do about messages that were not answered. */
export function Figures({
  snapshot: { counts, roundTrips, failed, dropped },
  isOpen,
  onShowFailed,
  onSendAgain,
}: {
  snapshot: ChatSnapshot;
  isOpen: boolean;
  onShowFailed: () => void;
  onSendAgain: () => void;
}) {
  return (
    <Card title="All messages">
      <div className={styles.body}>
        <Equation
          className={styles.equation}
          left={{ count: counts.sent, word: "sent" }}
          right={[
            { count: counts.answered, word: "answered" },
            ...(counts.waiting > 0 ? [{ count: counts.waiting, word: "waiting" }] : []),
            ...(counts.failed > 0 ? [{ count: counts.failed, word: "failed" }] : []),
          ]}
        />
        {failed > 0 && (
          <div className={styles.actions}>
            <Button size="small" icon={<ArrowDownIcon />} onClick={onShowFailed}>
              Show the next failed
            </Button>
            <Button
              size="small"
              icon={<RetryIcon />}
              aria-disabled={!isOpen || undefined}
              onClick={() => isOpen && onSendAgain()}
            >
              Send {formatCount(failed)} again
            </Button>
          </div>
        )}
        <h3 className={styles.heading}>Round trip</h3>
        <dl className={styles.roundTrips}>
          <Figure name="last" value={roundTrips.lastMs} />
          <Figure name="p50" value={roundTrips.p50Ms} />
          <Figure name="p99" value={roundTrips.p99Ms} />
          <Figure name="max" value={roundTrips.maxMs} />
        </dl>
        <p className={styles.hint}>From sending to the answer; percentiles of the latest 1,000.</p>
        <p className={styles.hint}>
          This page keeps the latest {formatCount(HISTORY_ENTRIES_MAX)} entries, {HISTORY_BYTES_MAX >> 20} MiB at most.{" "}
          {dropped > 0 && `${formatCount(dropped)} older ones gave way.`}
        </p>
      </div>
    </Card>
  );
}

function Figure({ name, value }: { name: string; value: number | null }) {
  return (
    <div className={styles.figure}>
      <dt>{name}</dt>
      <dd>{formatDuration(value)}</dd>
    </div>
  );
}
