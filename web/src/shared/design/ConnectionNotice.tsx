import { type Connection, type ConnectionState, describeState, type Upstream, upstreamProblem } from "../connection";
import { Button } from "./Button";
import styles from "./ConnectionNotice.module.css";
import { classes } from "./classes";
import { RetryIcon } from "./icons";

/**
 * What there is to say about a page's connection beyond its badge, and the way on (connect now, connect again). Says
 * nothing while all is well.
 */
export function ConnectionNotice({
  state,
  connection,
  name,
  absent = null,
}: {
  state: ConnectionState;
  connection: Connection;
  name: string;
  /** The upstream behind a gateway, if it does not answer. */
  absent?: Upstream | null;
}) {
  const { tone, words } = wordsOf(state, absent);
  const retry = retryWord(state);
  return (
    <>
      {(words || retry) && (
        <div className={classes(styles.notice, styles[tone])}>
          <p className={styles.words}>{words}</p>
          {retry && (
            <Button size="small" icon={<RetryIcon />} onClick={() => connection.retryNow()}>
              {retry}
            </Button>
          )}
        </div>
      )}
      {/* The countdown is not read out each second: only the kind of state is announced. */}
      <span className="visually-hidden" role="status">
        {name} {announcement(state, absent)}
      </span>
    </>
  );
}

function wordsOf(state: ConnectionState, absent: Upstream | null) {
  const { tone, detail } = describeState(state);
  if (!absent) return { tone, words: detail };
  if (state.kind === "open") return { tone: "warn" as const, words: `held: ${upstreamProblem(absent)}` };
  if (state.kind === "connecting") return { tone, words: [detail, upstreamProblem(absent)].filter(Boolean).join("; ") };
  return { tone, words: detail };
}

function retryWord(state: ConnectionState): string | null {
  if (state.kind === "reconnecting") return "Connect now";
  if (state.kind === "refused" || state.kind === "closed" || state.kind === "idle") return "Connect again";
  return null;
}

function announcement(state: ConnectionState, absent: Upstream | null): string {
  if (state.kind === "reconnecting") return `connection lost: ${state.why}. Reconnecting.`;
  const { word } = describeState(state);
  const { words } = wordsOf(state, absent);
  return words ? `${word}, ${words}` : word;
}
