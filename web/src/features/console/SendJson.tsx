import { byteLength } from "@shared/connection";
import { Button, TextArea } from "@shared/design";
import { formatBytes } from "@shared/format";
import { useSessionText } from "@shared/session-text";
import { useMemo, useRef } from "react";
import { compactJson, type JsonFault, jsonFault, prettyJson } from "./json";
import styles from "./SendCard.module.css";
import { type SendProps, SendRow } from "./SendRow";

export function SendJson({ isOpen, send }: SendProps) {
  const [text, setText] = useSessionText("console.json");
  const fault = useMemo(() => jsonFault(text), [text]);
  const panel = useRef<HTMLDivElement>(null);
  const isEmpty = text.trim() === "";
  const submit = () => isOpen && !fault && send(text);
  const goTo = ({ at }: JsonFault) => {
    const area = panel.current?.querySelector("textarea");
    area?.focus();
    area?.setSelectionRange(at, Math.min(at + 1, text.length));
  };
  return (
    <div className={styles.panel} ref={panel}>
      <TextArea
        label="JSON to send"
        hideLabel
        mono
        rows={3}
        spellCheck={false}
        placeholder={'{"action": "subscribe", "letter": "a"}'}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          submit();
        }}
        error={fault && !isEmpty ? `Line ${fault.line}, column ${fault.column}: ${fault.problem}.` : undefined}
        hint={isEmpty ? "Checked while you type." : `Right JSON, ${formatBytes(byteLength(text))}.`}
      />
      <SendRow isOpen={isOpen} isReady={!fault} onSend={submit} hint="Ctrl+Enter (⌘+Enter) sends, as it is written.">
        {fault && !isEmpty ? (
          <Button size="small" onClick={() => goTo(fault)}>
            Go to the error
          </Button>
        ) : (
          <>
            <Button size="small" disabled={isEmpty} onClick={() => setText(prettyJson(text))}>
              Pretty
            </Button>
            <Button size="small" disabled={isEmpty} onClick={() => setText(compactJson(text))}>
              Compact
            </Button>
          </>
        )}
      </SendRow>
    </div>
  );
}
