import { classes } from "../design";
import styles from "./Sparkline.module.css";

export interface SparklineProps {
  /** Oldest first; null leaves a gap. */
  values: readonly (number | null)[];
  /** How many values fill the width; fewer begin at the right edge. Default: as many as there are. */
  capacity?: number;
  /** Default: 0 and the greatest value. */
  range?: readonly [number, number];
  tone?: "ink" | "in" | "out";
  className?: string;
}

const WIDTH = 100;
const HEIGHT = 24;

/** A small trace of the last values. Decoration beside a number that is written out: hidden from screen readers. */
export function Sparkline({ values, capacity = values.length, range, tone = "ink", className }: SparklineProps) {
  const known = values.filter((value) => value !== null);
  const [low, high] = range ?? [0, Math.max(1, ...known)];
  const step = capacity > 1 ? WIDTH / (capacity - 1) : 0;
  let path = "";
  let joined = false;
  values.forEach((value, index) => {
    if (value === null) {
      joined = false;
      return;
    }
    const x = WIDTH - (values.length - 1 - index) * step;
    const y = HEIGHT - 1 - ((value - low) / (high - low || 1)) * (HEIGHT - 2);
    path += `${joined ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
    joined = true;
  });
  return (
    <svg
      className={classes(styles.sparkline, styles[tone], className)}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path d={path} />
    </svg>
  );
}
