import { closeCodeName } from "@shared/connection";
import { Card } from "@shared/design";
import { formatBytes, formatCount } from "@shared/format";
import type { Snapshot } from "@shared/wire/live";
import type { ReactNode } from "react";
import { ranked, sumOf } from "./figures";
import styles from "./ServerFacts.module.css";

/** What the process holds now, and what it has counted since its start. */
export function ServerFacts({ title, latest }: { title: string; latest: Snapshot | null }) {
  return (
    <Card title={title}>
      <div className={styles.facts}>
        <Facts title="Now">
          <Fact name="Worker threads">{formatCount(latest?.workers)}</Fact>
          <Fact name="Sockets">{formatCount(latest?.sockets)}</Fact>
          <Fact name="Resident memory">{formatBytes(latest?.resident_bytes)}</Fact>
          <Fact name="Open descriptors">{formatCount(latest?.open_descriptors)}</Fact>
          <Fact name="Queued for peers">{formatBytes(latest?.out_queue_bytes)}</Fact>
          <Fact name="Unfinished input">{formatBytes(latest?.unfinished_bytes)}</Fact>
        </Facts>
        <Facts title="Since the start">
          <Fact name="Connections opened">{formatCount(latest && sumOf(latest, "opened_total"))}</Fact>
          <Fact name="Messages in">{formatCount(latest && sumOf(latest, "messages_in_total"))}</Fact>
          <Fact name="Messages out">{formatCount(latest && sumOf(latest, "messages_out_total"))}</Fact>
          <Fact name="Bytes in">{formatBytes(latest && sumOf(latest, "bytes_in_total"))}</Fact>
          <Fact name="Bytes out">{formatBytes(latest && sumOf(latest, "bytes_out_total"))}</Fact>
          <Fact name="Publications skipped">{formatCount(latest?.publications_skipped_total)}</Fact>
        </Facts>
        <Counts title="Closed, by code" counts={latest?.closes_total} none="No connection has ended yet.">
          {(code) => (
            <>
              <code>{code}</code> {closeCodeName(Number(code)).split(":")[0]}
            </>
          )}
        </Counts>
        <Counts
          title="Refused and failed"
          counts={latest && { ...latest.refused_total, ...latest.errors_total, ...troubles(latest) }}
          none="Nothing was refused, nothing failed."
        >
          {(name) => name.replaceAll("_", " ")}
        </Counts>
      </div>
    </Card>
  );
}

const SHOWN_MAX = 6;

function Counts(props: {
  title: string;
  counts: Readonly<Record<string, number>> | null | undefined;
  none: string;
  children: (name: string) => ReactNode;
}) {
  const rows = props.counts ? ranked(props.counts) : [];
  return (
    <Facts title={props.title} none={props.counts && rows.length === 0 ? props.none : null}>
      {rows.slice(0, SHOWN_MAX).map(([name, count]) => (
        <Fact key={name} name={props.children(name)}>
          {formatCount(count)}
        </Fact>
      ))}
    </Facts>
  );
}

function Facts({ title, none, children }: { title: string; none?: string | null; children: ReactNode }) {
  return (
    <section className={styles.group}>
      <h3 className={styles.title}>{title}</h3>
      {none ? <p className={styles.none}>{none}</p> : <dl className={styles.list}>{children}</dl>}
    </section>
  );
}

function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function troubles(latest: Snapshot): Record<string, number> {
  return {
    "accept errors": latest.accept_errors_total,
    "handshakes that took too long": latest.handshake_timeouts_total,
    "panics of services": latest.panics_total,
  };
}
