import { Card, Tabs } from "@shared/design";
import { useSessionText } from "@shared/session-text";
import { SendBinary } from "./SendBinary";
import { SendJson } from "./SendJson";
import { SendText } from "./SendText";
import type { ConsoleSession } from "./session";

type Mode = "text" | "json" | "binary";

/** One message, as text, checked JSON, or bytes. */
export function SendCard({ session, isOpen }: { session: ConsoleSession; isOpen: boolean }) {
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
    </Card>
  );
}
