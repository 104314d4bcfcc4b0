// uPlot, set up as the look wants it: colours from the tokens, hairlines, labels at the lines' ends. The only file that knows uPlot.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { LineChartProps, SeriesStyle } from "./LineChart";

const TOKEN: Record<SeriesStyle, string> = {
  in: "--sea",
  out: "--signal",
  p50: "--sea",
  p99: "--warn",
  max: "--signal",
  plain: "--ink",
};
/** Lines differ by more than colour. */
const DASH: Record<SeriesStyle, number[]> = { in: [], out: [6, 4], p50: [], p99: [6, 4], max: [2, 3], plain: [] };

const AXIS_WIDTH = 52;
const LABEL_GUTTER = 42;
const LABEL_HEIGHT = 14;

export function createPlot(
  host: HTMLElement,
  props: () => LineChartProps,
  height: number,
  onPoint: (index: number | null) => void,
): uPlot {
  const colour = tokenReader(host);
  const font = `12px ${getComputedStyle(host).fontFamily}`;
  const { series, scale = "linear", syncKey } = props();
  const log = scale === "log";
  const now = () => props().times.at(-1) ?? 0;
  const windowSeconds = () => props().windowSeconds ?? 60;

  const options: uPlot.Options = {
    width: Math.max(host.clientWidth, 120),
    height,
    padding: [8, LABEL_GUTTER, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: false, y: false },
      ...(syncKey && { sync: { key: syncKey, setSeries: false } }),
    },
    scales: {
      x: { time: false, range: () => [now() - windowSeconds(), now()] },
      y: log
        ? { distr: 3, range: (_plot, low, high) => decades(low, high, props().spanAtLeast) }
        : { range: (_plot, _low, high) => [0, roundUp(Math.max(high ?? 0, props().topAtLeast ?? 1), props().base)] },
    },
    series: [
      {},
      ...series.map(
        (one): uPlot.Series => ({
          stroke: () => colour(TOKEN[one.style]),
          width: 1.75,
          dash: DASH[one.style],
          points: { show: true, size: 4, fill: () => colour(TOKEN[one.style]), filter: isolated },
        }),
      ),
    ],
    axes: [
      {
        stroke: () => colour("--muted"),
        font,
        size: 24,
        gap: 4,
        splits: () => [1, 0.75, 0.5, 0.25, 0].map((part) => now() - windowSeconds() * part),
        values: (_plot, splits) => splits.map((at) => (at >= now() ? "now" : `−${Math.round(now() - at)} s`)),
        grid: { show: false },
        ticks: { stroke: () => colour("--line"), size: 4, width: 1 },
      },
      {
        stroke: () => colour("--muted"),
        font,
        size: AXIS_WIDTH,
        gap: 6,
        splits: (plot) =>
          log ? powersOfTen(plot.scales.y?.min ?? 1, plot.scales.y?.max ?? 10) : halves(plot.scales.y?.max ?? 1),
        // uPlot thins labels of logarithmic axes by itself; ours are few.
        filter: (_plot, splits) => splits,
        values: (_plot, splits) => splits.map((value) => (props().formatTick ?? props().format)(value)),
        grid: { stroke: () => colour("--line"), width: 1 },
        ticks: { show: false },
      },
    ],
    hooks: {
      draw: [(plot) => drawLabels(plot, props(), colour, font)],
      setCursor: [
        (plot) => {
          const index = plot.cursor.idx;
          onPoint(plot.cursor.left !== undefined && plot.cursor.left >= 0 && typeof index === "number" ? index : null);
        },
      ],
    },
  };
  const { times } = props();
  return new uPlot(options, [times as number[], ...series.map((one) => one.values as number[])], host);
}

/** Values with a gap on either side make no line: they are drawn as points. */
function isolated(plot: uPlot, seriesIndex: number): number[] {
  const values = plot.data[seriesIndex] ?? [];
  const known = (index: number) => values[index] !== null && values[index] !== undefined;
  return [...values.keys()].filter((index) => known(index) && !known(index - 1) && !known(index + 1));
}

/** Writes each line's name where the line ends; names that would overlap are pushed apart. */
function drawLabels(plot: uPlot, { series }: LineChartProps, colour: (token: string) => string, font: string): void {
  const ratio = plot.ctx.canvas.width / plot.width || 1;
  const labels = series
    .flatMap((one) => {
      const value = one.values.findLast((known) => known !== null);
      return value === undefined || value === null ? [] : [{ one, y: plot.valToPos(value, "y", true) }];
    })
    .sort((a, b) => b.y - a.y);
  const { ctx, bbox } = plot;
  const step = LABEL_HEIGHT * ratio;
  // From the bottom up, each at least a line above the one before; then from the top down, so that none leaves the plot.
  let below = bbox.top + bbox.height + step;
  for (const label of labels) {
    label.y = Math.min(label.y, below - step);
    below = label.y;
  }
  let above = bbox.top - step / 2;
  for (const label of labels.toReversed()) {
    label.y = Math.max(label.y, above + step / 2);
    above = label.y + step / 2;
  }
  ctx.save();
  ctx.font = font.replace(/^\d+/, (size) => String(Number(size) * ratio));
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { one, y } of labels) {
    ctx.fillStyle = colour(TOKEN[one.style]);
    ctx.fillText(one.label, bbox.left + bbox.width + 6 * ratio, y);
  }
  ctx.restore();
}

/** Reads a token as the canvas needs it: computed, since the tokens themselves are light-dark() pairs. */
function tokenReader(host: HTMLElement): (token: string) => string {
  const probe = document.createElement("span");
  probe.hidden = true;
  host.append(probe);
  return (token) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
}

/** The next of 1, 2, 5, 10, 20, 50 … (of KiB, MiB … where the base says so): the axis changes seldom. */
function roundUp(value: number, base: 1000 | 1024 = 1000): number {
  const unit = base ** Math.max(0, Math.floor(Math.log(value) / Math.log(base)));
  const scaled = value / unit;
  const power = 10 ** Math.floor(Math.log10(scaled));
  const step = [1, 2, 5, 10].find((candidate) => scaled <= candidate * power * 1.0001) ?? 10;
  return step * power * unit;
}

function halves(top: number): number[] {
  return [0, top / 2, top];
}

/** Whole decades, and those of `least` always, so that noise does not look like a mountain. */
function decades(
  low: number | null,
  high: number | null,
  least: readonly [number, number] = [1, 100],
): [number, number] {
  const bottom = Math.min(low ?? least[0], least[0]);
  const top = Math.max(high ?? least[1], least[1]);
  return [10 ** Math.floor(Math.log10(bottom)), 10 ** Math.ceil(Math.log10(top))];
}

function powersOfTen(low: number, high: number): number[] {
  const powers = [];
  for (let power = low; power <= high * 1.0001; power *= 10) powers.push(power);
  return powers;
}
