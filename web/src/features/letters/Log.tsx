import {
  Badge,
  Button,
  Card,
  ClearIcon,
  EmptyState,
  LettersIcon,
  PauseIcon,
  PlayIcon,
  VirtualList,
} from "@shared/design";
import { formatCount, formatTime } from "@shared/format";
import { useMemo, useState } from "react";
import styles from "./Log.module.css";
import { type LettersView, LOG_MAX, type LogEntry } from "./model";

/** What came, in words. A pause holds the picture still; nothing is lost meanwhile. */
export function Log({ view, onClear }: { view: LettersView; onClear: () => void }) {
  const [paused, setPaused] = useState<readonly LogEntry[] | null>(null);
  // The log is one array that grows: a copy per frame is what the list compares.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the array's content
  const present = useMemo(() => [...view.log], [view.logVersion]);
  const shown = paused ?? present;
  const lastShown = shown.at(-1)?.id ?? 0;
  const waiting = paused ? (present.at(-1)?.id ?? lastShown) - lastShown : 0;

  const clear = () => {
    setPaused(null);
    onClear();
  };
  return (
    <Card
      flush
      className={styles.card ?? ""}
      title="Updates"
      aside={
        <span className={styles.actions}>
          <Button
            size="small"
            kind="quiet"
            icon={paused ? <PlayIcon /> : <PauseIcon />}
            onClick={() => setPaused(paused ? null : present)}
          >
            {paused ? "Go on" : "Pause"}
          </Button>
          <Button size="small" kind="quiet" icon={<ClearIcon />} disabled={view.log.length === 0} onClick={clear}>
            Clear
          </Button>
        </span>
      }
    >
      <VirtualList
        label="Log of updates"
        className={styles.list ?? ""}
        items={shown}
        keyOf={({ id }) => id}
        estimatedHeight={28}
        follow
        render={(entry) => <Row entry={entry} />}
        empty={
          <EmptyState icon={<LettersIcon />} title="No updates yet">
            Subscribe to a letter: its number appears here at once, and then every second.
          </EmptyState>
        }
      />
      <p className={styles.foot}>{paused ? `Paused: ${formatCount(waiting)} more since.` : footing(view)}</p>
    </Card>
  );
}

function footing({ log, dropped }: LettersView): string {
  const kept = `${formatCount(log.length)} of at most ${formatCount(LOG_MAX)}`;
  return dropped > 0 ? `${kept}; ${formatCount(dropped)} older ones are gone.` : `${kept}.`;
}

function Row({ entry: { timeMs, kind, text } }: { entry: LogEntry }) {
  return (
    <div className={styles.row}>
      <time className={styles.time}>{formatTime(timeMs, { milliseconds: false })}</time>
      <span className={styles.text}>
        {kind === "said" && <Badge tone="warn">server</Badge>} {text}
      </span>
    </div>
  );
}
