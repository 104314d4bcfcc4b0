import type { ServiceTraffic, Snapshot, Traffic } from "../wire/live";

const QUIET: Traffic = {
  connections: 0,
  opened_total: 0,
  messages_in_total: 0,
  messages_out_total: 0,
  bytes_in_total: 0,
  bytes_out_total: 0,
  opened_per_second: 0,
  messages_in_per_second: 0,
  messages_out_per_second: 0,
  bytes_in_per_second: 0,
  bytes_out_per_second: 0,
};

/** A service's figures: quiet but for what is given. */
export function aService(name: string, traffic: Partial<Traffic> = {}): ServiceTraffic {
  return { name, ...QUIET, ...traffic };
}

/** A quiet server's snapshot, `second` seconds after its start, but for what is given. */
export function aSnapshot(second: number, given: Partial<Snapshot> = {}): Snapshot {
  return {
    time_unix_milliseconds: 1_795_000_000_000 + second * 1000,
    uptime_seconds: second,
    version: "1.2.3",
    draining: false,
    workers: 2,
    sockets: 1,
    http_connections: 0,
    all: QUIET,
    services: ["outgoing", "echo", "random", "stream", "letters"]
      .map((name) => aService(name))
      .concat(aService("metrics/live", { connections: 1, messages_out_per_second: 1, opened_total: 1 })),
    latency: { answers: 0, p50_micros: null, p99_micros: null, max_micros: null },
    out_queue_bytes: 0,
    unfinished_bytes: 0,
    resident_bytes: 7_340_032,
    open_descriptors: null,
    accepted_total: 1,
    accept_errors_total: 0,
    handshake_timeouts_total: 0,
    panics_total: 0,
    publications_skipped_total: 0,
    refused_total: {},
    closes_total: {},
    errors_total: {},
    http_responses_total: {},
    ...given,
  };
}
