import {
  Button,
  Card,
  ClearIcon,
  ConsoleIcon,
  CopyIcon,
  copyText,
  DownloadIcon,
  EmptyState,
  PauseIcon,
  PlayIcon,
  Select,
  TextField,
  VirtualList,
} from "@shared/design";
import { formatBytes, formatCount, formatCountOf } from "@shared/format";
import { useCallback, useState } from "react";
import { ENTRIES_MAX, type Filter, LOG_BYTES_MAX, NO_FILTER } from "./entries";
import { download, exportLines, exportName } from "./export";
import styles from "./LogCard.module.css";
import { entryLine, LogRow } from "./LogRow";
import type { ConsoleSession, ConsoleSnapshot } from "./session";

const USUAL_ROW_HEIGHT = 32;

const DIRECTIONS = [
  { value: "all", label: "In and out" },
  { value: "in", label: "Received" },
  { value: "out", label: "Sent" },
  { value: "event", label: "Connection" },
];
const TYPES = [
  { value: "all", label: "Any type" },
  { value: "text", label: "Text" },
  { value: "JSON", label: "JSON" },
  { value: "binary", label: "Binary" },
];

/** Everything that passed, newest last. */
export function LogCard({ session, snapshot }: { session: ConsoleSession; snapshot: ConsoleSnapshot }) {
  const { entries, filter, size, dropped, counters, isPaused, waiting } = snapshot;
  const [expanded, setExpanded] = useState<ReadonlySet<number>>(new Set());
  const toggle = useCallback((id: number) => {
    setExpanded((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  return (
    <Card
      title="Messages"
      flush
      className={styles.card}
      aside={
        <span className={styles.actions}>
          <Actions session={session} snapshot={snapshot} />
        </span>
      }
    >
      <Filters session={session} snapshot={snapshot} />
      <VirtualList
        label="Log of messages"
        className={styles.list}
        items={entries}
        keyOf={(entry) => entry.id}
        render={(entry, _, tabIndex) => (
          <LogRow entry={entry} isExpanded={expanded.has(entry.id)} onToggle={toggle} tabIndex={tabIndex} />
        )}
        estimatedHeight={USUAL_ROW_HEIGHT}
        follow
        empty={size === 0 ? <NothingYet /> : <NothingMatches session={session} filter={filter} />}
      />
      <div className={styles.foot}>
        <p>
          {formatCountOf(entries.length, "entry", "entries")} shown of {formatCount(size)}
          {dropped > 0
            ? `; ${formatCount(dropped)} older ones gave way.`
            : `; the latest ${formatCount(ENTRIES_MAX)} are kept, ${LOG_BYTES_MAX >> 20} MiB at most.`}{" "}
          <b role="status">{isPaused && `Paused: ${formatCount(waiting)} waiting.`}</b>
        </p>
        <p className={styles.counts}>
          <span>
            <b>{formatCount(counters?.messagesIn)}</b> in, {formatBytes(counters?.bytesIn)}
          </span>
          <span>
            <b>{formatCount(counters?.messagesOut)}</b> out, {formatBytes(counters?.bytesOut)}
          </span>
        </p>
      </div>
    </Card>
  );
}

function Filters({ session, snapshot: { filter, isPaused } }: { session: ConsoleSession; snapshot: ConsoleSnapshot }) {
  const change = (part: Partial<Filter>) => {
    session.filter = { ...filter, ...part };
  };
  return (
    <div className={styles.filters}>
      <TextField
        label="Filter by text"
        hideLabel
        type="search"
        className={styles.search}
        placeholder="Filter by text"
        value={filter.text}
        onChange={(event) => change({ text: event.target.value })}
      />
      <Select
        label="Direction"
        hideLabel
        options={DIRECTIONS}
        value={filter.direction}
        onChange={(event) => change({ direction: event.target.value as Filter["direction"] })}
      />
      <Select
        label="Type"
        hideLabel
        options={TYPES}
        value={filter.type}
        onChange={(event) => change({ type: event.target.value as Filter["type"] })}
      />
      <Button
        className={styles.pause}
        icon={isPaused ? <PlayIcon /> : <PauseIcon />}
        onClick={() => session.togglePause()}
      >
        {isPaused ? "Resume" : "Pause"}
      </Button>
    </div>
  );
}

function Actions({ session, snapshot }: { session: ConsoleSession; snapshot: ConsoleSnapshot }) {
  const { entries, dropped, size } = snapshot;
  const shown = formatCountOf(entries.length, "entry", "entries");
  const isEmpty = entries.length === 0;
  return (
    <>
      <Button
        kind="quiet"
        size="small"
        className={styles.tool}
        icon={<CopyIcon />}
        disabled={isEmpty}
        onClick={() => copyText(entries.map(entryLine).join("\n"), `${shown} copied.`)}
      >
        Copy
      </Button>
      <Button
        kind="quiet"
        size="small"
        className={styles.tool}
        icon={<DownloadIcon />}
        disabled={isEmpty}
        title={`Save ${shown} as NDJSON, one JSON object a line`}
        onClick={() => download(exportLines(entries, dropped), exportName(new Date()))}
      >
        Export
      </Button>
      <Button
        kind="quiet"
        size="small"
        className={styles.tool}
        icon={<ClearIcon />}
        disabled={size === 0}
        onClick={() => session.clear()}
      >
        Clear
      </Button>
    </>
  );
}

function NothingYet() {
  return (
    <EmptyState icon={<ConsoleIcon />} title="Nothing has passed yet">
      <p>Connect, then send something. Each message appears here with its time, direction, type and size.</p>
    </EmptyState>
  );
}

function NothingMatches({ session, filter }: { session: ConsoleSession; filter: Filter }) {
  const isFiltered = filter.text !== "" || filter.direction !== "all" || filter.type !== "all";
  if (!isFiltered) {
    return (
      <EmptyState title="Paused">
        <p>Resume to see what waits.</p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="Nothing matches the filter">
      <Button
        size="small"
        onClick={() => {
          session.filter = NO_FILTER;
        }}
      >
        Show all
      </Button>
    </EmptyState>
  );
}
