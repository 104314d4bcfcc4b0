import { Card, classes } from "@shared/design";
import { formatCount, formatLongDuration } from "@shared/format";
import { type ReactNode, useMemo } from "react";
import styles from "./Lanes.module.css";
import { type Answer, arrivedOf, charactersOf, messagesOf } from "./model";

export interface LanesProps {
  answer: Answer | null;
  /** What would be sent: shown faintly while there is no answer, so that the lanes have their size. */
  preview: string;
  intervalMs: number | null;
}

/** The three parts of an answer. What is still to come is there faintly: nothing moves when it arrives. */
export function Lanes({ answer, preview, intervalMs }: LanesProps) {
  // The preview is long while a person types a long text, and this is drawn at each arrival.
  const characters = useMemo(() => answer?.characters ?? charactersOf(preview), [answer?.characters, preview]);
  const echo = answer?.echo ?? [];
  const reverse = answer?.reverse ?? [];
  const flowing = answer?.status === "streaming";
  return (
    <Card title="Answer" aside={<span className={styles.remaining}>{remaining(answer, intervalMs)}</span>} flush>
      <Lane name="Echo" done={echo.length} total={characters.length}>
        <Characters
          arrived={echo}
          pending={characters.slice(echo.length)}
          flowing={flowing && echo.length < characters.length}
        />
      </Lane>
      <Lane name="Reverse" done={reverse.length} total={characters.length}>
        <Characters
          arrived={reverse}
          pending={characters.slice(0, characters.length - reverse.length).reverse()}
          flowing={flowing && reverse.length > 0}
        />
      </Lane>
      <Lane name="Count" done={answer?.count ? 1 : 0} total={1}>
        <p className={styles.count}>
          {answer?.count ? (
            <>
              <strong className={styles.number}>{formatCount(answer.count.count)}</strong>
              <span>{`Last char '${answer.count.lastCharacter}' count: ${answer.count.count}`}</span>
            </>
          ) : (
            <>
              <strong className={classes(styles.number, styles.quiet)}>–</strong>
              <span className={styles.quiet}>how often the last character occurs before the end</span>
            </>
          )}
        </p>
      </Lane>
    </Card>
  );
}

function Lane({ name, done, total, children }: { name: string; done: number; total: number; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls
    <div className={styles.lane} role="group" aria-label={name}>
      <div className={styles.head}>
        <span className={styles.name}>{name}</span>
        <span className={styles.of}>
          {formatCount(done)} of {formatCount(total)}
        </span>
      </div>
      <div className={styles.content}>{children}</div>
    </div>
  );
}

/** Two runs of text, not one element per character: joined letters and right-to-left text stay as they are written. */
function Characters({
  arrived,
  pending,
  flowing,
}: {
  arrived: readonly string[];
  pending: readonly string[];
  flowing: boolean;
}) {
  return (
    <p className={styles.characters} dir="auto">
      <span data-arrived className={classes(flowing && styles.flowing)}>
        {arrived.join("")}
      </span>
      <span className={styles.pending} aria-hidden="true">
        {pending.join("")}
      </span>
    </p>
  );
}

function remaining(answer: Answer | null, intervalMs: number | null): string {
  if (!answer) return "nothing sent yet";
  if (answer.status === "done") return "answered";
  if (answer.status !== "streaming" && answer.status !== "waiting") return answer.status;
  const left = messagesOf(answer) - arrivedOf(answer);
  if (intervalMs === null || answer.status === "waiting") return `${formatCount(left)} messages to come`;
  return `about ${formatLongDuration(Math.max(1, Math.ceil((left * intervalMs) / 1000)))} left`;
}
