export { CLOSE_REASON_BYTES_MAX, closeCodeName, closeProblem } from "./close-codes";
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
export { useConnection, useConnectionSnapshot, useMessages } from "./use-connection";
