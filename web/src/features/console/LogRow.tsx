import { ArrowInIcon, ArrowOutIcon, Button, ChevronIcon, CopyIcon, classes, copyText } from "@shared/design";
import { formatBytes, formatCount, formatTime } from "@shared/format";
import { memo } from "react";
import type { Entry, MessageEntry } from "./entries";
import { hexDump, toHex } from "./hex";
import { prettyJson } from "./json";
import styles from "./LogRow.module.css";

const PREVIEW_CHARACTERS_MAX = 300;
const PREVIEW_BYTES_MAX = 48;
/** Of an expanded message so much is drawn; copying gives all that is kept. */
const SHOWN_CHARACTERS_MAX = 20_000;
const SHOWN_BYTES_MAX = 4_096;

/** One line of the log; a message opens to all of it. */
export const LogRow = memo(function LogRow({
  entry,
  isExpanded,
  onToggle,
  tabIndex,
}: {
  entry: Entry;
  isExpanded: boolean;
  onToggle: (id: number) => void;
  tabIndex: 0 | -1;
}) {
  if (entry.kind === "event") {
    return (
      <p className={classes(styles.line, styles.event)} tabIndex={tabIndex}>
        <span className={styles.chevron} />
        <Time time={entry.time} />
        <span className={styles.eventText}>{entry.text}</span>
      </p>
    );
  }
  const isIn = entry.direction === "in";
  return (
    <div className={classes(isExpanded && styles.expanded)}>
      <button
        type="button"
        className={classes(styles.line, styles.message)}
        aria-expanded={isExpanded}
        tabIndex={tabIndex}
        onClick={() => onToggle(entry.id)}
      >
        <ChevronIcon className={styles.chevron} />
        <Time time={entry.time} />
        <span className={isIn ? styles.in : styles.out}>
          {isIn ? <ArrowInIcon /> : <ArrowOutIcon />}
          <span className="visually-hidden">{isIn ? "received" : "sent"}</span>
        </span>
        <span className={styles.type}>{entry.type}</span>
        <span className={styles.size}>{formatBytes(entry.bytes)}</span>
        <span className={styles.preview}>{preview(entry)}</span>
      </button>
      {isExpanded && <Whole entry={entry} tabIndex={tabIndex} />}
    </div>
  );
});

function Time({ time }: { time: number }) {
  return <time className={styles.time}>{formatTime(time)}</time>;
}

function Whole({ entry, tabIndex }: { entry: MessageEntry; tabIndex: 0 | -1 }) {
  const { data } = entry;
  return (
    <div className={styles.whole}>
      {typeof data === "string" ? (
        <pre className={styles.text} tabIndex={tabIndex}>
          {shownText(entry, data) || "(empty)"}
        </pre>
      ) : (
        <HexDump data={data} tabIndex={tabIndex} />
      )}
      <div className={styles.foot}>
        <Button
          size="small"
          icon={<CopyIcon />}
          tabIndex={tabIndex}
          onClick={() => copyText(asCopied(data), "Message copied.")}
        >
          {typeof data === "string" ? "Copy message" : "Copy as hex"}
        </Button>
        <span className={styles.remark}>{remark(entry)}</span>
      </div>
    </div>
  );
}

function HexDump({ data, tabIndex }: { data: Uint8Array; tabIndex: 0 | -1 }) {
  const lines = hexDump(data.subarray(0, SHOWN_BYTES_MAX));
  return (
    <pre className={styles.dump} tabIndex={tabIndex}>
      {lines.map(({ offset, hex, text }) => (
        <span key={offset} className={styles.dumpLine}>
          <span className={styles.offset}>{offset}</span> <span className={styles.bytes}>{hex}</span>{" "}
          <span className={styles.ascii}>{text}</span>
        </span>
      ))}
      {lines.length === 0 && "(empty)"}
    </pre>
  );
}

function shownText({ type }: MessageEntry, data: string): string {
  const text = data.slice(0, SHOWN_CHARACTERS_MAX);
  // What is cut is no JSON any more.
  return type === "JSON" && text.length === data.length ? prettyJson(text) : text;
}

function remark({ data, bytes, isCut }: MessageEntry): string {
  const limit = typeof data === "string" ? SHOWN_CHARACTERS_MAX : SHOWN_BYTES_MAX;
  const unit = typeof data === "string" ? "characters" : "bytes";
  if (isCut)
    return `Of ${formatBytes(bytes)} only the first MiB is kept; the first ${formatCount(limit)} ${unit} are shown.`;
  return data.length > limit ? `The first ${formatCount(limit)} ${unit} are shown; copying gives all.` : "";
}

function preview({ data }: MessageEntry): string {
  if (typeof data === "string") return data.slice(0, PREVIEW_CHARACTERS_MAX);
  return toHex(data.subarray(0, PREVIEW_BYTES_MAX));
}

function asCopied(data: MessageEntry["data"]): string {
  return typeof data === "string" ? data : toHex(data);
}

/** An entry as a line of text, for the clipboard. */
export function entryLine(entry: Entry): string {
  const time = formatTime(entry.time);
  if (entry.kind === "event") return `${time} * ${entry.text}`;
  return `${time} ${entry.direction === "in" ? "<" : ">"} ${asCopied(entry.data)}`;
}
