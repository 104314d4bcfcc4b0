import type { ConnectionState } from "@shared/connection";
import { Button, SendIcon, TextArea } from "@shared/design";
import type { KeyboardEvent } from "react";
import styles from "./Composer.module.css";

/** Where one writes. The text stays here until it can be sent. */
export function Composer({
  draft,
  onChange,
  onSend,
  state,
}: {
  draft: string;
  onChange: (draft: string) => void;
  onSend: () => void;
  state: ConnectionState;
}) {
  const isOpen = state.kind === "open";
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    onSend();
  };
  return (
    <div className={styles.composer}>
      <TextArea
        label="Message"
        hideLabel
        className={styles.text}
        rows={1}
        placeholder="Write a message"
        value={draft}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        hint={
          isOpen
            ? "Enter sends, Shift+Enter makes a new line."
            : "Not connected: what you write stays here until you can send it."
        }
      />
      <Button kind="primary" icon={<SendIcon />} aria-disabled={!isOpen || draft === "" || undefined} onClick={onSend}>
        Send
      </Button>
    </div>
  );
}
