export { CLOSE_REASON_BYTES_MAX, closeCodeName, closeInWords, closeProblem, isWorthReconnecting } from "./close-codes";
export {
  byteLength,
  type ClosedBy,
  Connection,
  type ConnectionOptions,
  type ConnectionSnapshot,
  type ConnectionState,
  type Counters,
  type QueuePolicy,
  type Received,
  type Sendable,
  type SendOutcome,
  webSocketUrl,
} from "./connection";
export { describeState } from "./describe";
export { fetchHealth, type Health, type Upstream, upstreamOf, upstreamProblem } from "./health";
export { useConnection, useConnectionSnapshot, useMessages } from "./use-connection";
