import { type Connection, type ConnectionState, describeState } from "../connection";
import { StateBadge } from "./Badge";
import { Button } from "./Button";
import styles from "./ConnectionNotice.module.css";
import { RetryIcon } from "./icons";

/**
 * A page's connection, in words: the state, what is behind it, and the way on (connect now, connect again). The place is
 * always taken, so that nothing jumps when the state changes.
 */
export function ConnectionNotice({
  state,
  connection,
  name,
}: {
  state: ConnectionState;
  connection: Connection;
  name: string;
}) {
  const { detail } = describeState(state);
  const retry = retryWord(state);
  return (
    <div className={styles.notice}>
      <span className={styles.name}>
        <code>{name}</code>
      </span>
      <StateBadge state={state} />
      <span className={styles.detail}>{detail}</span>
      {retry && (
        <Button size="small" icon={<RetryIcon />} onClick={() => connection.retryNow()}>
          {retry}
        </Button>
      )}
      {/* The countdown is not read out each second: only the kind of state is announced. */}
      <span className="visually-hidden" role="status">
        {name} {announcement(state)}
      </span>
    </div>
  );
}

function retryWord(state: ConnectionState): string | null {
  if (state.kind === "reconnecting") return "Connect now";
  if (state.kind === "refused" || state.kind === "closed" || state.kind === "idle") return "Connect again";
  return null;
}

function announcement(state: ConnectionState): string {
  if (state.kind === "reconnecting") return `connection lost: ${state.why}. Reconnecting.`;
  const { word, detail } = describeState(state);
  return detail ? `${word}, ${detail}` : word;
}
