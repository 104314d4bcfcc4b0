import { Histogram, Sparkline } from "@shared/charts";
import { useConnection } from "@shared/connection";
import { Button, Card, ClearIcon, Equation, PageHeader, type Term } from "@shared/design";
import { formatDuration, UNKNOWN } from "@shared/format";
import { useFrameStore } from "@shared/frame-store";
import { useEffect, useMemo } from "react";
import { type Answers, Asker, HELD_MAX, NUMBER_MIN, percentile } from "./asker";
import styles from "./Random.module.css";
import { usePageKeys } from "./use-page-keys";

const PATH = "/random";
const MANY = 100;

/** One button; each answer replaces the last one. */
export default function RandomPage() {
  const { connection, state } = useConnection(PATH, {
    queue: { kind: "hold", messagesMax: HELD_MAX, bytesMax: HELD_MAX * 32 },
  });
  const asker = useMemo(() => new Asker(connection), [connection]);
  useEffect(() => asker.listen(), [asker]);
  const answers = useFrameStore(asker.store);
  usePageKeys(() => asker.ask());

  return (
    <>
      <PageHeader title="Random" link={{ name: PATH, state, connection }}>
        Each press sends one message. The server answers with its text and a whole number from 1 to 100.
      </PageHeader>
      <div className={styles.page}>
        <Card className={styles.answerCard}>
          <Answer answers={answers} />
          <Button kind="primary" size="large" className={styles.ask} onClick={() => asker.ask()}>
            Ask for a number
          </Button>
          <p className={styles.keys}>
            <span>
              <kbd>Space</kbd> or <kbd>Enter</kbd> does the same
            </span>
          </p>
        </Card>
        <Card
          title="Asked and answered"
          aside={
            <Button kind="quiet" size="small" icon={<ClearIcon />} onClick={() => asker.clear()}>
              Start over
            </Button>
          }
        >
          <Counted answers={answers} />
          <Button className={styles.many} onClick={() => asker.ask(MANY)}>
            Ask {MANY} times
          </Button>
        </Card>
        <Card title="How often each number came" className={styles.distribution}>
          <Histogram
            label="Answers by number"
            counts={answers.counts}
            first={NUMBER_MIN}
            latest={answers.latest}
            ticks={[1, 25, 50, 75, 100]}
          />
        </Card>
      </div>
    </>
  );
}

function Answer({ answers }: { answers: Answers }) {
  const { latest, text, answered, waiting } = answers;
  return (
    <div className={styles.answer}>
      {/* Many answers in a row are too many to be read out: then only the last one is. */}
      <output className={styles.number} data-swing={answered % 2} aria-live={waiting > 1 ? "off" : "polite"}>
        {latest ?? <span className={styles.unknown}>{UNKNOWN}</span>}
      </output>
      <p className={styles.raw}>{text === null ? "The answer will appear here." : <code>{text}</code>}</p>
    </div>
  );
}

function Counted({ answers }: { answers: Answers }) {
  const { asked, answered, waiting, lost, wrong, roundTrips } = answers;
  const right: Term[] = [{ count: answered, word: "answered" }];
  if (waiting) right.push({ count: waiting, word: "waiting" });
  if (lost) right.push({ count: lost, word: "lost with the connection" });
  return (
    <>
      <Equation className={styles.equation} left={{ count: asked, word: "asked" }} right={right} />
      <dl className={styles.facts}>
        <Fact name="Last round trip" value={formatDuration(roundTrips.at(-1))} />
        <Fact name="p50" value={formatDuration(percentile(roundTrips, 0.5))} />
        <Fact name="p99" value={formatDuration(percentile(roundTrips, 0.99))} />
        <Fact name="max" value={formatDuration(percentile(roundTrips, 1))} />
        <Fact name="Wrong answers" value={String(wrong)} />
      </dl>
      <Sparkline values={roundTrips.slice(-SHOWN_ROUND_TRIPS)} capacity={SHOWN_ROUND_TRIPS} tone="in" />
      <p className={styles.note}>Round trips of the last {SHOWN_ROUND_TRIPS} answers</p>
    </>
  );
}

const SHOWN_ROUND_TRIPS = 60;

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
