import { LineChart } from "@shared/charts";
import { Card } from "@shared/design";
import { formatByteRate, formatBytes, formatCount, formatDuration, formatRate, formatShort } from "@shared/format";
import type { Snapshot } from "@shared/wire/live";
import { useMemo } from "react";
import { historyOf, isAboveBounds, latencyMs, rateOf, sumOf, valuesOf } from "./figures";
import styles from "./Overview.module.css";

const WINDOW = "the last 60 s";
const HEIGHT = 132;

/** Four charts over the last minute, all services together. */
export function Charts({ snapshots, waiting }: { snapshots: readonly Snapshot[]; waiting: boolean }) {
  const lines = useMemo(() => linesOf(snapshots), [snapshots]);
  const { times } = lines;
  const nothing = waiting ? "Waiting for the first figures" : "This server sends no live figures";
  return (
    <div className={styles.charts}>
      <Card title="Connections">
        <LineChart
          label={`Open connections, ${WINDOW}`}
          times={times}
          syncKey="overview"
          series={[{ label: "open", style: "plain", values: lines.connections }]}
          format={formatCount}
          formatTick={(value) => (Number.isInteger(value) ? formatShort(value) : "")}
          topAtLeast={10}
          empty={nothing}
          height={HEIGHT}
        />
      </Card>
      <Card title="Messages">
        <LineChart
          label={`Messages per second, ${WINDOW}`}
          times={times}
          syncKey="overview"
          series={[
            { label: "in", style: "in", values: lines.messagesIn },
            { label: "out", style: "out", values: lines.messagesOut },
          ]}
          format={formatRate}
          formatTick={formatShort}
          topAtLeast={10}
          empty={nothing}
          height={HEIGHT}
        />
      </Card>
      <Card title="Bytes">
        <LineChart
          label={`Bytes per second, ${WINDOW}`}
          times={times}
          syncKey="overview"
          series={[
            { label: "in", style: "in", values: lines.bytesIn },
            { label: "out", style: "out", values: lines.bytesOut },
          ]}
          format={formatByteRate}
          formatTick={formatBytes}
          base={1024}
          topAtLeast={1024}
          empty={nothing}
          height={HEIGHT}
        />
      </Card>
      <Card title="Answer latency">
        <LineChart
          label={`Time the server took to answer, ${WINDOW}, logarithmic`}
          times={times}
          syncKey="overview"
          scale="log"
          spanAtLeast={[0.01, 1]}
          series={[
            { label: "p50", style: "p50", values: lines.p50 },
            { label: "p99", style: "p99", values: lines.p99 },
            { label: "max", style: "max", values: lines.max },
          ]}
          format={formatLatency}
          formatTick={formatDuration}
          empty={times.length ? `No message was answered in ${WINDOW}` : nothing}
          height={HEIGHT}
        />
      </Card>
    </div>
  );
}

function linesOf(snapshots: readonly Snapshot[]) {
  const history = historyOf(snapshots);
  return {
    times: history.times,
    connections: valuesOf(history, (snapshot) => sumOf(snapshot, "connections")),
    messagesIn: valuesOf(history, (snapshot) => rateOf(snapshot, "messages_in_per_second")),
    messagesOut: valuesOf(history, (snapshot) => rateOf(snapshot, "messages_out_per_second")),
    bytesIn: valuesOf(history, (snapshot) => rateOf(snapshot, "bytes_in_per_second")),
    bytesOut: valuesOf(history, (snapshot) => rateOf(snapshot, "bytes_out_per_second")),
    p50: valuesOf(history, ({ latency }) => latencyMs(latency, "p50_micros")),
    p99: valuesOf(history, ({ latency }) => latencyMs(latency, "p99_micros")),
    max: valuesOf(history, ({ latency }) => latencyMs(latency, "max_micros")),
  };
}

/** The server counts in buckets: what it says is a bound. */
function formatLatency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return formatDuration(null);
  return isAboveBounds(ms) ? `> ${formatDuration(1000)}` : `≤ ${formatDuration(ms)}`;
}
