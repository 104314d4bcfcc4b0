// Numbers as people read them: three significant digits, thousands separated, the unit always there.
//
// What is not known is "–", never 0. The language is fixed to English, as the pages' words are, so that tests and
// screenshots say the same everywhere.

/** Stands for a number that is not known. */
export const UNKNOWN = "–";
/** Between a number and its unit: they never part at a line's end. */
const NARROW = "\u202f";

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DECIMAL_STEPS = ["", "k", "M", "G", "T"] as const;
const BINARY_STEPS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export type MaybeNumber = number | null | undefined;

/** `12400` as `12,400`: exact, for counts that a person compares. */
export function formatCount(count: MaybeNumber): string {
  return isKnown(count) ? GROUPED.format(count) : UNKNOWN;
}

/** `12400` as `12.4 k`; with a unit `12.4 k msg/s`. */
export function formatShort(value: MaybeNumber, unit = ""): string {
  if (!isKnown(value)) return UNKNOWN;
  const [scaled, step] = scale(value, 1000, DECIMAL_STEPS.length - 1);
  return [threeDigits(scaled), `${DECIMAL_STEPS[step]}${step > 0 && unit ? NARROW : ""}${unit}`]
    .filter(Boolean)
    .join(NARROW);
}

/** `12400` as `12.4 k msg/s`. */
export function formatRate(perSecond: MaybeNumber, of = "msg"): string {
  return formatShort(perSecond, `${of}/s`);
}

/** `3355443` as `3.2 MiB`; below 1 KiB exact: `17 B`. */
export function formatBytes(bytes: MaybeNumber): string {
  if (!isKnown(bytes)) return UNKNOWN;
  const [scaled, step] = scale(bytes, 1024, BINARY_STEPS.length - 1);
  const digits = step === 0 ? GROUPED.format(scaled) : threeDigits(scaled);
  return `${digits}${NARROW}${BINARY_STEPS[step]}`;
}

/** `3355443` as `3.2 MiB/s`. */
export function formatByteRate(bytesPerSecond: MaybeNumber): string {
  return isKnown(bytesPerSecond) ? `${formatBytes(bytesPerSecond)}/s` : UNKNOWN;
}

/** Milliseconds as `1.8 ms`, `240 µs`, `12.5 s`; from a minute on as `2 min 5 s`. */
export function formatDuration(milliseconds: MaybeNumber): string {
  if (!isKnown(milliseconds)) return UNKNOWN;
  if (milliseconds === 0) return `0${NARROW}ms`;
  if (milliseconds < 0.9995) return `${threeDigits(milliseconds * 1000)}${NARROW}µs`;
  if (milliseconds < 999.5) return `${threeDigits(milliseconds)}${NARROW}ms`;
  if (milliseconds < 59_950) return `${threeDigits(milliseconds / 1000)}${NARROW}s`;
  return formatLongDuration(Math.round(milliseconds / 1000));
}

/** Whole seconds as `45 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`: two units at most, for uptimes and remaining times. */
export function formatLongDuration(seconds: MaybeNumber): string {
  if (!isKnown(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const units: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return `0${NARROW}s`;
  const [size, name] = units[first] as [number, string];
  const [nextSize, nextName] = units[first + 1] ?? [0, ""];
  const rest = nextSize ? Math.floor((whole % size) / nextSize) : 0;
  const head = `${Math.floor(whole / size)}${NARROW}${name}`;
  return rest ? `${head} ${rest}${NARROW}${nextName}` : head;
}

/** `0.981` as `98.1 %`; rounding never makes 100 % of what is not whole. */
export function formatPercent(fraction: MaybeNumber): string {
  if (!isKnown(fraction)) return UNKNOWN;
  const percent = fraction < 1 ? Math.min(fraction * 100, 99.9) : fraction * 100;
  return `${threeDigits(percent)}${NARROW}%`;
}

/** Local time of day with milliseconds: `14:03:07.215`. */
export function formatTime(time: Date | number, { milliseconds = true } = {}): string {
  const date = typeof time === "number" ? new Date(time) : time;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  return milliseconds ? `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}` : clock;
}

/** `1 message`, `2,000 messages`. */
export function formatCountOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function isKnown(value: MaybeNumber): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** The value in the largest unit that leaves it at least 1, and how many steps up that is; what would round up carries over. */
function scale(value: number, base: number, stepMax: number): [number, number] {
  let scaled = value;
  let step = 0;
  while (step < stepMax && Math.abs(scaled) >= base - 0.5) {
    scaled /= base;
    step += 1;
  }
  return [scaled, step];
}

/** Three significant digits, no trailing zeros after the point; whole numbers stay whole. */
function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return GROUPED.format(value);
  const digits = size >= 9.995 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
