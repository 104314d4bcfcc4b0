import { Button, Card, SendIcon, StopIcon, TextArea } from "@shared/design";
import { formatCount, formatCountOf, formatDuration, formatRate, UNKNOWN } from "@shared/format";
import { type FormEvent, type KeyboardEvent, useMemo, useState } from "react";
import { CHARACTERS_MAX, charactersOf, EXAMPLE, isUnfinished, type StreamView, tooLongProblem } from "./model";
import styles from "./Stream.module.css";

export interface ComposeProps {
  text: string;
  onText: (text: string) => void;
  open: boolean;
  view: StreamView;
  /** Sends; says why it will not. */
  onAsk: (text: string) => string | null;
  onStop: () => void;
}

/** What to send, and the pace at which it will come back. */
export function Compose({ text, onText, open, view, onAsk, onStop }: ComposeProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const busy = view.answers.some(isUnfinished);
  const characters = useMemo(() => charactersOf(text).length, [text]);

  const ask = (event?: FormEvent) => {
    event?.preventDefault();
    setProblem(onAsk(text));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (open) ask();
  };
  const wrong = problem ?? tooLongProblem(characters) ?? view.problem;
  return (
    <Card title="Text" aside={<Pace intervalMs={view.intervalMs} />}>
      <form className={styles.compose} onSubmit={ask}>
        <TextArea
          label="Text to stream"
          hideLabel
          rows={2}
          value={text}
          dir="auto"
          onChange={(event) => {
            setProblem(null);
            onText(event.target.value);
          }}
          onKeyDown={onKeyDown}
          {...(wrong ? { error: wrong } : {})}
          hint={`${formatCountOf(characters, "character")} of at most ${formatCount(CHARACTERS_MAX)}. Enter sends, Shift+Enter starts a line.`}
        />
        <div className={styles.buttons}>
          <Button kind="primary" type="submit" className={styles.send} icon={<SendIcon />} disabled={!open}>
            {busy ? "Send after these" : "Send"}
          </Button>
          <Button
            icon={<StopIcon />}
            disabled={!busy || !open}
            onClick={onStop}
            title="Closes the connection, the protocol’s only way to end an answer, and opens a new one"
          >
            Stop
          </Button>
          <Button
            kind="quiet"
            disabled={text === EXAMPLE}
            onClick={() => {
              setProblem(null);
              onText(EXAMPLE);
            }}
          >
            Example text
          </Button>
        </div>
      </form>
    </Card>
  );
}

/** Measured from what arrives; the server alone sets it. */
function Pace({ intervalMs }: { intervalMs: number | null }) {
  return (
    <span className={styles.pace}>
      {intervalMs
        ? `${formatRate(1000 / intervalMs, "characters")}, one every ${formatDuration(intervalMs)}`
        : `Pace ${UNKNOWN}`}
      <span className={styles.muted}>, set by the server</span>
    </span>
  );
}
