import { useEffect, useId, useRef, useState } from "react";
import type uPlot from "uplot";
import { classes, onThemeChange } from "../design";
import { UNKNOWN } from "../format";
import styles from "./LineChart.module.css";
import { createPlot } from "./plot";

/** The same meaning has the same colour and line everywhere: in = blue, out = red and dashed. */
export type SeriesStyle = "in" | "out" | "p50" | "p99" | "max" | "plain";

export interface Series {
  /** Short: it is written at the line's end. */
  label: string;
  style: SeriesStyle;
  /** One per time; null leaves a gap. */
  values: readonly (number | null)[];
}

export interface LineChartProps {
  /** What is drawn and over which time: "Messages per second, the last 60 s". */
  label: string;
  /** Unix seconds, ascending. */
  times: readonly number[];
  series: readonly Series[];
  /** A value with its unit. */
  format: (value: number | null | undefined) => string;
  /** Shorter, for the axis. Default: `format`. */
  formatTick?: (value: number) => string;
  /** Said in the plot while there is nothing to draw. */
  empty?: string;
  /** Charts with the same key are read together: pointing at one reads the same second in all. */
  syncKey?: string;
  /** Default: 60. */
  windowSeconds?: number;
  /** Default: linear from 0. */
  scale?: "linear" | "log";
  /** Plot height in CSS pixels; default 160. */
  height?: number;
  /** What the axis' round numbers are made of: 1000 (default), or 1024 for bytes. */
  base?: 1000 | 1024;
  /** What the axis always shows: from 0 to this (linear, default 1), or this much (log, default 1 to 100). */
  topAtLeast?: number;
  spanAtLeast?: readonly [number, number];
}

/** Lines over the last seconds; now is at the right edge. Pointing (or arrow keys) reads exact values. */
export function LineChart(props: LineChartProps) {
  const { label, times, series, format, empty, height = 160 } = props;
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  const [pointed, setPointed] = useState<number | null>(null);

  useEffect(() => {
    latest.current = props;
  });

  // The plot is made once per shape; values flow in below.
  const shape = `${series.map((one) => `${one.label}/${one.style}`).join()} ${props.scale} ${height}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew when the shape changes
  useEffect(() => {
    const element = host.current;
    // Without a canvas (tests, very old browsers) the read-out and the summary remain.
    if (!element || !document.createElement("canvas").getContext("2d")) return;
    const made = createPlot(element, () => latest.current, height, setPointed);
    plot.current = made;
    const resize = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    resize.observe(element);
    const stop = onThemeChange(() => made.redraw(false, true));
    return () => {
      resize.disconnect();
      stop();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData([times as number[], ...series.map((one) => one.values as number[])], true);
  }, [times, series]);

  const index = pointed ?? times.length - 1;
  const now = times.at(-1);
  const at = times[index];
  const nothing = series.every((one) => one.values.every((value) => value === null));
  const when = pointed === null || now === undefined || at === undefined ? "now" : `${Math.round(now - at)} s ago`;

  const step = (by: number) => {
    const next = Math.min(times.length - 1, Math.max(0, index + by));
    setPointed(next === times.length - 1 ? null : next);
  };

  return (
    <figure className={styles.figure} aria-labelledby={id}>
      <figcaption className={styles.readout}>
        <span id={id} className="visually-hidden">
          {label}
        </span>
        {series.map((one) => (
          <span key={one.label} className={styles.value}>
            <span className={classes(styles.name, styles[one.style])}>{one.label}</span>
            <b>{format(one.values[index] ?? null)}</b>
          </span>
        ))}
        <span className={styles.when}>{times.length ? when : UNKNOWN}</span>
      </figcaption>
      <div
        ref={host}
        className={styles.plot}
        style={{ height }}
        role="slider"
        tabIndex={0}
        aria-label={`${label}; left and right read earlier values`}
        aria-orientation="horizontal"
        aria-valuemin={-(props.windowSeconds ?? 60)}
        aria-valuemax={0}
        aria-valuenow={now === undefined || at === undefined ? 0 : Math.round(at - now)}
        aria-valuetext={`${when}: ${series.map((one) => `${one.label} ${format(one.values[index] ?? null)}`).join(", ")}`}
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft") step(-1);
          else if (event.key === "ArrowRight") step(1);
          else if (event.key === "Escape") setPointed(null);
          else return;
          event.preventDefault();
        }}
        onBlur={() => setPointed(null)}
      >
        {nothing && empty && <p className={styles.empty}>{empty}</p>}
      </div>
    </figure>
  );
}
