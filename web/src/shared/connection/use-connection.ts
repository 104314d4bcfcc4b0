import { useEffect, useMemo, useRef } from "react";
import { useFrameStore } from "../frame-store";
import { Connection, type ConnectionOptions, type ConnectionSnapshot, type Received } from "./connection";

/** State and counters of a connection; renders at most once per animation frame, however fast messages come. */
export function useConnectionSnapshot(connection: Connection): ConnectionSnapshot {
  return useFrameStore(connection.store);
}

/**
 * A connection that lives as long as the component: opened when it appears, let go when it leaves. `options` are read once
 * per `url`. Listen with `useMessages`, or with `connection.onMessage` in an effect.
 */
export function useConnection(
  url: string,
  options: ConnectionOptions = {},
): ConnectionSnapshot & { connection: Connection } {
  const latest = useRef(options);
  latest.current = options;
  const connection = useMemo(() => new Connection(url, latest.current), [url]);
  useEffect(() => {
    const retry = () => connection.state.kind === "reconnecting" && connection.retryNow();
    window.addEventListener("online", retry);
    connection.open();
    return () => {
      window.removeEventListener("online", retry);
      connection.dispose();
    };
  }, [connection]);
  return { connection, ...useConnectionSnapshot(connection) };
}

/** Calls `listener` for each message, outside of React's rendering: put what you learn into a `FrameStore`. */
export function useMessages(connection: Connection, listener: (message: Received) => void): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => connection.onMessage((message) => latest.current(message)), [connection]);
}
