// What the Overview draws, from the server's snapshots. Pure.

import { servicesOf } from "@shared/server";
import type { Latency, ServiceTraffic, Snapshot } from "@shared/wire/live";
import { LATENCY_ABOVE_MICROS } from "@shared/wire/live";

/** Snapshots come once a second; a longer silence is a gap in the lines. */
const GAP_SECONDS = 2.5;
/** The very first snapshot of a server has no rates: there is nothing before it. */
const FIRST_RATES_SECONDS = 0.5;

/** What is counted of a service. */
export type Figure = keyof Omit<ServiceTraffic, "name">;

export interface History {
  /** Unix seconds; a gap has a time of its own, at which nothing is known. */
  times: number[];
  samples: (Snapshot | null)[];
}

/** The snapshots of the last seconds, with gaps where the server was silent. */
export function historyOf(snapshots: readonly Snapshot[], windowSeconds = 60): History {
  const history: History = { times: [], samples: [] };
  const now = (snapshots.at(-1)?.time_unix_milliseconds ?? 0) / 1000;
  for (const snapshot of snapshots) {
    const at = snapshot.time_unix_milliseconds / 1000;
    // One before the left edge, so that the lines reach it.
    if (at < now - windowSeconds - 1.5) continue;
    const before = history.times.at(-1);
    if (before !== undefined && at - before > GAP_SECONDS) {
      history.times.push(before + 0.5);
      history.samples.push(null);
    }
    history.times.push(at);
    history.samples.push(snapshot);
  }
  return history;
}

/** One value per time of a history. */
export function valuesOf(history: History, value: (snapshot: Snapshot) => number | null): (number | null)[] {
  return history.samples.map((snapshot) => (snapshot ? value(snapshot) : null));
}

/** All services together. */
export function sumOf(snapshot: Snapshot, figure: Figure): number {
  return servicesOf(snapshot).reduce((sum, service) => sum + service[figure], 0);
}

export function rateOf(snapshot: Snapshot, figure: Figure, of: ServiceTraffic | null = null): number | null {
  if (snapshot.uptime_seconds < FIRST_RATES_SECONDS) return null;
  return of ? of[figure] : sumOf(snapshot, figure);
}

/** Milliseconds; a latency comes as the upper bound of its bucket. */
export function latencyMs(latency: Latency, which: "p50_micros" | "p99_micros" | "max_micros"): number | null {
  const micros = latency[which];
  return micros === null ? null : micros / 1000;
}

/** Whether a latency stands for "more than the greatest bound". */
export function isAboveBounds(ms: number): boolean {
  return ms * 1000 >= LATENCY_ABOVE_MICROS;
}

/** `{"404": 3, "200": 10}` as the greatest first. */
export function ranked(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
}
