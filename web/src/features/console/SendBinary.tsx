import { Button, CloseIcon, classes, IconButton, TextArea, toast, UploadIcon } from "@shared/design";
import { formatBytes } from "@shared/format";
import { useSessionText } from "@shared/session-text";
import { type DragEvent, useRef, useState } from "react";
import { parseHex } from "./hex";
import styles from "./SendCard.module.css";
import { type SendProps, SendRow } from "./SendRow";

/** A file is read into memory whole, and sent as one message. */
export const FILE_BYTES_MAX = 16 << 20;

/** Bytes typed as hex, or a file's. */
export function SendBinary({ isOpen, send }: SendProps) {
  const [typed, setTyped] = useSessionText("console.hex");
  const [file, setFile] = useState<File | null>(null);
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const parsed = parseHex(typed);

  const take = (files: FileList | null) => {
    const [first] = files ?? [];
    if (!first) return;
    if (first.size > FILE_BYTES_MAX) {
      toast(
        `${first.name} has ${formatBytes(first.size)}; at most ${formatBytes(FILE_BYTES_MAX)} can be sent from here.`,
        "bad",
      );
    } else setFile(first);
  };
  const submit = async () => {
    if (!isOpen) return;
    if (file) {
      try {
        send(new Uint8Array(await file.arrayBuffer()));
      } catch {
        toast(`${file.name} can no longer be read. Choose it again.`, "bad");
        setFile(null);
      }
    } else if (parsed.kind === "bytes") send(parsed.bytes);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button chooses files by keyboard
    <div
      className={classes(styles.panel, isOver && styles.over)}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      {file ? (
        <div className={styles.file}>
          <span className={styles.fileName}>{file.name}</span>
          <span className={styles.fileSize}>{formatBytes(file.size)}</span>
          <IconButton
            size="small"
            label={`Do not send ${file.name}`}
            icon={<CloseIcon />}
            onClick={() => setFile(null)}
          />
        </div>
      ) : (
        <TextArea
          label="Bytes to send, as hex"
          hideLabel
          mono
          rows={3}
          spellCheck={false}
          placeholder="48 65 6c 6c 6f"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            void submit();
          }}
          error={parsed.kind === "wrong" ? parsed.problem : undefined}
          hint={
            parsed.kind === "bytes" ? `${formatBytes(parsed.bytes.length)} as hex, or drop a file here.` : undefined
          }
        />
      )}
      <SendRow
        isOpen={isOpen}
        isReady={file !== null || parsed.kind === "bytes"}
        onSend={() => void submit()}
        hint={file ? "The file goes as one message." : "Enter sends."}
      >
        <input
          ref={input}
          type="file"
          className="visually-hidden"
          tabIndex={-1}
          aria-label="File to send"
          onChange={(event) => {
            take(event.target.files);
            // So that the same file can be chosen again.
            event.target.value = "";
          }}
        />
        <Button size="small" icon={<UploadIcon />} onClick={() => input.current?.click()}>
          Choose a file
        </Button>
      </SendRow>
    </div>
  );
}
