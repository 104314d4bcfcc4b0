import { Button, Card } from "@shared/design";
import { formatDuration } from "@shared/format";
import styles from "./RoundTripCard.module.css";
import { type ConsoleSession, ECHO_TIMEOUT_MS, type RoundTrip } from "./session";

/** What a page can do instead of a Ping. */
export function RoundTripCard({
  session,
  isOpen,
  roundTrip,
}: {
  session: ConsoleSession;
  isOpen: boolean;
  roundTrip: RoundTrip;
}) {
  const isReady = isOpen && roundTrip.kind !== "measuring";
  return (
    <Card title="Round trip">
      <div className={styles.body}>
        <div className={styles.row}>
          <Button aria-disabled={!isReady || undefined} onClick={() => isReady && session.measureRoundTrip()}>
            Measure round trip
          </Button>
          <span role="status" className={styles.result}>
            {inWords(roundTrip)}
          </span>
        </div>
        <p className={styles.note}>
          Browsers let no page send a Ping frame. This sends a text, “ping …”, and waits for a message that contains it:
          it works where the service echoes.
        </p>
      </div>
    </Card>
  );
}

function inWords(roundTrip: RoundTrip): string {
  switch (roundTrip.kind) {
    case "none":
      return "";
    case "measuring":
      return "waiting for the echo";
    case "measured":
      return formatDuration(roundTrip.ms);
    case "unanswered":
      return `no echo within ${ECHO_TIMEOUT_MS / 1000} s`;
  }
}
