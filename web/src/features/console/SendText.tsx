import { byteLength } from "@shared/connection";
import { TextArea } from "@shared/design";
import { formatBytes } from "@shared/format";
import { useSessionText } from "@shared/session-text";
import styles from "./SendCard.module.css";
import { type SendProps, SendRow } from "./SendRow";

export function SendText({ isOpen, send }: SendProps) {
  const [text, setText] = useSessionText("console.text");
  const submit = () => isOpen && send(text);
  return (
    <div className={styles.panel}>
      <TextArea
        label="Text to send"
        hideLabel
        rows={3}
        mono
        placeholder="Any text; an empty message is one too"
        value={text}
        onChange={(event) => setText(event.target.value)}
        hint={`${formatBytes(byteLength(text))} as UTF-8.`}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <SendRow isOpen={isOpen} onSend={submit} hint="Enter sends, Shift+Enter makes a new line." />
    </div>
  );
}
