import { Button, Card, Tabs } from "@shared/design";
import { formatDuration } from "@shared/format";
import { useSessionText } from "@shared/session-text";
import { SendBinary } from "./SendBinary";
import styles from "./SendCard.module.css";
import { SendJson } from "./SendJson";
import { SendText } from "./SendText";
import { type ConsoleSession, ECHO_TIMEOUT_MS, type RoundTrip } from "./session";

type Mode = "text" | "json" | "binary";

/** One message, as text, checked JSON, or bytes. */
export function SendCard({
  session,
  isOpen,
  roundTrip,
}: {
  session: ConsoleSession;
  isOpen: boolean;
  roundTrip: RoundTrip;
}) {
  const [mode, setMode] = useSessionText("console.mode", "text");
  const props = { isOpen, send: (payload: string | Uint8Array<ArrayBuffer>) => session.send(payload) };
  return (
    <Card title="Send">
      <Tabs<Mode>
        label="Kind of message"
        value={mode === "json" || mode === "binary" ? mode : "text"}
        onChange={setMode}
        tabs={[
          { value: "text", label: "Text", content: <SendText {...props} /> },
          { value: "json", label: "JSON", content: <SendJson {...props} /> },
          { value: "binary", label: "Binary", content: <SendBinary {...props} /> },
        ]}
      />
      <div className={styles.ping}>
        <div className={styles.pingRow}>
          <Button
            size="small"
            aria-disabled={!isOpen || roundTrip.kind === "measuring" || undefined}
            onClick={() => isOpen && roundTrip.kind !== "measuring" && session.measureRoundTrip()}
          >
            Measure round trip
          </Button>
          <span role="status" className={styles.result}>
            {resultWords(roundTrip)}
          </span>
        </div>
        <p className={styles.note}>
          Browsers let no page send a Ping frame (they answer the server’s). This sends a text, “ping …”, and waits for
          a message that contains it: it works where the service echoes.
        </p>
      </div>
    </Card>
  );
}

function resultWords(roundTrip: RoundTrip): string {
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
