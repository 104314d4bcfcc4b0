// Generated from crates/wigwag-server/src/live.rs. To renew it:
// UPDATE_WIRE=1 cargo test -p wigwag-server wire_types

/** Where it is served. */
export const PATH = "/metrics/live";

/** Stands for a latency above the largest bound, which is one second. */
export const LATENCY_ABOVE_MICROS = 10000000;

/** One message of `/metrics/live`. `…_total` counts from the start on, `…_per_second` is over the time since the message
 * before it (0 in the first), everything else is as of now. */
export type Snapshot = {
  /** Milliseconds since 1970-01-01 UTC. */
  time_unix_milliseconds: number;
  /** Since the start. */
  uptime_seconds: number;
  /** The program's version. */
  version: string;
  /** The server is stopping. */
  draining: boolean;
  /** Threads that move messages. */
  workers: number;
  /** Sockets that the workers hold, those in handshake included. */
  sockets: number;
  /** HTTP connections. */
  http_connections: number;
  /** All services together. */
  all: Traffic;
  /** By service, in the order of the routes; the first is `outgoing`: connections that this process opened as client. */
  services: Array<ServiceTraffic>;
  /** Of the answers since the message before. */
  latency: Latency;
  /** Bytes queued for peers. */
  out_queue_bytes: number;
  /** Bytes of unfinished incoming messages. */
  unfinished_bytes: number;
  /** Resident memory of the process; absent where the operating system does not tell. */
  resident_bytes: number | null;
  /** Open descriptors of the process; absent where the operating system does not tell. */
  open_descriptors: number | null;
  /** Sockets accepted. */
  accepted_total: number;
  /** Failures to accept. */
  accept_errors_total: number;
  /** Request heads that did not come in time. */
  handshake_timeouts_total: number;
  /** Panics of services. */
  panics_total: number;
  /** Publications that slow subscribers missed. */
  publications_skipped_total: number;
  /** Handshakes refused, by reason. */
  refused_total: { [key in string]: number };
  /** Connections of the services ended, by close code; without `outgoing` and the subscribers of this feed. */
  closes_total: { [key in number]: number };
  /** Connections ended by an error, by class. */
  errors_total: { [key in string]: number };
  /** HTTP answers, by status. */
  http_responses_total: { [key in number]: number };
};

/** One service's figures. */
export type ServiceTraffic = {
  /** The route's path without its first slash. */
  name: string;
  /** Open now. */
  connections: number;
  /** Opened. */
  opened_total: number;
  /** Received. */
  messages_in_total: number;
  /** Sent. */
  messages_out_total: number;
  /** Received. */
  bytes_in_total: number;
  /** Sent. */
  bytes_out_total: number;
  /** Opened. */
  opened_per_second: number;
  /** Received. */
  messages_in_per_second: number;
  /** Sent. */
  messages_out_per_second: number;
  /** Received. */
  bytes_in_per_second: number;
  /** Sent. */
  bytes_out_per_second: number;
};

/** Connections, messages and bytes. Bytes include framing and exclude TLS. */
export type Traffic = {
  /** Open now. */
  connections: number;
  /** Opened. */
  opened_total: number;
  /** Received. */
  messages_in_total: number;
  /** Sent. */
  messages_out_total: number;
  /** Received. */
  bytes_in_total: number;
  /** Sent. */
  bytes_out_total: number;
  /** Opened. */
  opened_per_second: number;
  /** Received. */
  messages_in_per_second: number;
  /** Sent. */
  messages_out_per_second: number;
  /** Received. */
  bytes_in_per_second: number;
  /** Sent. */
  bytes_out_per_second: number;
};

/** Latency of answers: from the start of the worker's turn to the write. Each value is the upper bound of the bucket in
 * which it lies ([`LATENCY_ABOVE_MICROS`]: above all bounds), and absent if nothing was answered. */
export type Latency = {
  /** Answers. */
  answers: number;
  /** Half of them took no longer. */
  p50_micros: number | null;
  /** 99 % of them took no longer. */
  p99_micros: number | null;
  /** None took longer. */
  max_micros: number | null;
};
