import { type PointerEvent, useState } from "react";
import { formatCount, formatPercent } from "../format";
import styles from "./Histogram.module.css";

export interface HistogramProps {
  /** What is counted, for screen readers and the read-out: "Answers by number". */
  label: string;
  /** `counts[i]` belongs to the value `first + i`. */
  counts: readonly number[];
  first: number;
  /** The value whose bar is marked: the latest. */
  latest?: number | null;
  /** Values named below the axis. */
  ticks: readonly number[];
}

const HEIGHT = 100;

/** How often each value came. Bars from 0; pointing at one reads it exactly. */
export function Histogram({ label, counts, first, latest = null, ticks }: HistogramProps) {
  const [pointed, setPointed] = useState<number | null>(null);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const most = Math.max(...counts, 1);
  // The top is a rounder number than the greatest count, so that the bars do not all move at each answer.
  const step = most <= 10 ? 2 : 5;
  const top = Math.max(4, Math.ceil(most / step) * step);

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * counts.length);
    setPointed(index >= 0 && index < counts.length ? index : null);
  };
  const read = pointed === null ? null : (counts[pointed] ?? 0);

  return (
    <figure className={styles.figure}>
      <figcaption className={styles.readout}>
        <span>
          {pointed === null || read === null
            ? `${formatCount(total)} in all`
            : `${first + pointed}: ${formatCount(read)}${total ? `, ${formatPercent(read / total)}` : ""}`}
        </span>
        <span>at most {formatCount(most === 1 && total === 0 ? null : Math.max(...counts))}</span>
      </figcaption>
      <svg
        role="img"
        aria-label={`${label}: ${summary(counts, first, total)}`}
        className={styles.bars}
        viewBox={`0 0 ${counts.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        onPointerMove={point}
        onPointerLeave={() => setPointed(null)}
      >
        {counts.map((count, index) => {
          const value = first + index;
          const height = (count / top) * HEIGHT;
          return (
            <rect
              key={value}
              x={index + 0.14}
              width={0.72}
              y={HEIGHT - height}
              height={height}
              className={value === latest ? styles.latest : index === pointed ? styles.pointed : styles.bar}
            />
          );
        })}
      </svg>
      <div className={styles.axis} aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ left: `${((tick - first + 0.5) / counts.length) * 100}%` }}>
            {tick}
          </span>
        ))}
      </div>
    </figure>
  );
}

function summary(counts: readonly number[], first: number, total: number): string {
  if (total === 0) return "nothing counted yet";
  const most = Math.max(...counts);
  const missing = counts.filter((count) => count === 0).length;
  const often = counts.flatMap((count, index) => (count === most ? [first + index] : []));
  const named = often.length > 3 ? `${often.length} values` : often.join(", ");
  return `${formatCount(total)} in all; most often ${named}, ${formatCount(most)} times each; ${missing} of ${counts.length} values not seen yet`;
}
