import { Button, Card, Equation, Progress, StopIcon } from "@shared/design";
import { formatCount, formatDuration, formatRate } from "@shared/format";
import type { Run } from "./conversation";
import styles from "./SendMany.module.css";

const TOTALS = [100, 1_000, 10_000] as const;

/** Many messages at one press, full duplex, and the account of what became of them. */
export function SendMany({
  run,
  draft,
  isOpen,
  onStart,
  onStop,
}: {
  run: Run | null;
  draft: string;
  isOpen: boolean;
  onStart: (total: number, text: string) => void;
  onStop: () => void;
}) {
  const text = draft.trim() || "message";
  const isRunning = run !== null && run.endedAtMs === null;
  const mayStart = isOpen && !isRunning;
  return (
    <Card title="Send many">
      <div className={styles.body}>
        <p className={styles.explanation}>
          Numbered copies of what you have written (or of “message”), without waiting for answers.
        </p>
        <div className={styles.totals}>
          {TOTALS.map((total) => (
            <Button
              key={total}
              aria-label={`Send ${formatCount(total)}`}
              aria-disabled={!mayStart || undefined}
              onClick={() => mayStart && onStart(total, text)}
            >
              {formatCount(total)}
            </Button>
          ))}
        </div>
        <div className={styles.account}>
          {run ? (
            <Account run={run} isOpen={isOpen} onStop={onStop} />
          ) : (
            <p className={styles.explanation}>None sent yet.</p>
          )}
        </div>
      </div>
    </Card>
  );
}

function Account({ run, isOpen, onStop }: { run: Run; isOpen: boolean; onStop: () => void }) {
  const { counts } = run;
  const right = [
    { count: counts.answered, word: "answered" },
    ...(counts.failed > 0 ? [{ count: counts.failed, word: "failed" }] : []),
    ...(counts.waiting > 0 ? [{ count: counts.waiting, word: "waiting" }] : []),
  ];
  return (
    <>
      {run.endedAtMs === null ? (
        <div className={styles.running}>
          <Progress
            label={isOpen ? "Settled" : "Waiting"}
            done={counts.answered + counts.failed}
            total={run.total}
            startedAtMs={run.startedAtMs}
          />
          <Button size="small" icon={<StopIcon />} disabled={run.stopped} onClick={onStop}>
            Stop
          </Button>
        </div>
      ) : (
        <p className={styles.verdict}>{verdict(run, run.endedAtMs)}</p>
      )}
      <Equation left={{ count: counts.sent, word: "sent" }} right={right} className={styles.equation} />
    </>
  );
}

function verdict({ counts, total, startedAtMs, endedAtMs: _, stopped }: Run, endedAtMs: number): string {
  const tookMs = endedAtMs - startedAtMs;
  const unsent = total - counts.sent;
  const pace = `in ${formatDuration(tookMs)}, ${formatRate((counts.answered / tookMs) * 1000)}`;
  if (stopped && unsent > 0) return `Stopped: ${formatCount(unsent)} of ${formatCount(total)} were not sent.`;
  if (counts.failed > 0) return `${formatCount(counts.failed)} of ${formatCount(counts.sent)} were not answered.`;
  if (counts.waiting > 0) return "Sent again; waiting for the answers.";
  return `All answered, ${pace}.`;
}
