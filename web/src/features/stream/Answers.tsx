import { Badge, Button, Card, CopyIcon, copyText, EmptyState, RetryIcon, StreamIcon, type Tone } from "@shared/design";
import { formatCount, formatCountOf } from "@shared/format";
import styles from "./Answers.module.css";
import { type Answer, type AnswerStatus, arrivedOf, isUnfinished, messagesOf, type StreamView } from "./model";

const WORDS: Record<AnswerStatus, { tone: Tone; word: string }> = {
  waiting: { tone: "neutral", word: "waiting" },
  streaming: { tone: "in", word: "streaming" },
  done: { tone: "ok", word: "answered" },
  lost: { tone: "bad", word: "not finished" },
  stopped: { tone: "warn", word: "stopped" },
  refused: { tone: "bad", word: "refused" },
};

export interface AnswersProps {
  view: StreamView;
  open: boolean;
  onAgain: (text: string) => void;
  onForget: () => void;
}

/** Every text that was sent, newest first: texts are answered one after the other. */
export function Answers({ view: { answers, waiting }, open, onAgain, onForget }: AnswersProps) {
  return (
    <Card
      flush
      title={waiting > 0 ? `Texts, ${formatCount(waiting)} waiting` : "Texts"}
      aside={
        <Button size="small" kind="quiet" disabled={answers.every(isUnfinished)} onClick={onForget}>
          Clear finished
        </Button>
      }
    >
      {answers.length === 0 ? (
        <EmptyState icon={<StreamIcon />} title="Nothing sent yet">
          Send a text: it is listed here with what became of it. Several at once are answered one after the other.
        </EmptyState>
      ) : (
        <ol className={styles.list} aria-label="Texts">
          {answers.map((answer) => (
            <Row key={answer.id} answer={answer} open={open} onAgain={onAgain} />
          ))}
        </ol>
      )}
    </Card>
  );
}

function Row({ answer, open, onAgain }: { answer: Answer; open: boolean; onAgain: (text: string) => void }) {
  const { tone, word } = WORDS[answer.status];
  return (
    <li className={styles.row}>
      <Badge tone={tone} className={styles.badge ?? ""}>
        {word}
      </Badge>
      <span className={styles.text} dir="auto" title={answer.text}>
        {answer.text}
      </span>
      <span className={styles.progress}>
        {formatCount(arrivedOf(answer))} of {formatCountOf(messagesOf(answer), "message")}
      </span>
      <span className={styles.actions}>
        <Button
          size="small"
          kind="quiet"
          icon={<RetryIcon />}
          disabled={!open || isUnfinished(answer)}
          onClick={() => onAgain(answer.text)}
        >
          Send again
        </Button>
        <Button size="small" kind="quiet" icon={<CopyIcon />} onClick={() => copyText(answer.text)}>
          Copy
        </Button>
      </span>
    </li>
  );
}
