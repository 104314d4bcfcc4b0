import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import {
  type ConnectionSnapshot,
  type ConnectionState,
  type Upstream,
  upstreamOf,
  useConnectionSnapshot,
} from "../connection";
import { FrameStore, useFrameStore } from "../frame-store";
import { type Live, LiveFeed, NOTHING_KNOWN } from "./live";

const Feed = createContext<LiveFeed | null>(null);
/** What is read where no provider is above: nothing is known. */
const NOTHING = new FrameStore<Live>(() => NOTHING_KNOWN);

/** Gives all pages below the same live feed. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [feed] = useState(() => new LiveFeed());
  useEffect(() => feed.start(), [feed]);
  return <Feed value={feed}>{children}</Feed>;
}

/** The server's figures; renders about once a second. */
export function useLive(): Live {
  return useFrameStore(useContext(Feed)?.store ?? NOTHING);
}

/**
 * The upstream behind a path of this gateway's, if it does not answer; it is asked after anew whenever the state of the
 * connection to that path changes. Null where the path is the server's own.
 */
export function useAbsentUpstream(path: string | null, state: ConnectionState["kind"]): Upstream | null {
  const feed = useContext(Feed);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of the state is what it waits for
  useEffect(() => {
    if (path !== null) feed?.askHealth();
  }, [feed, path, state]);
  const { health } = useLive();
  const upstream = path === null ? null : upstreamOf(health, path);
  return upstream && !upstream.answers ? upstream : null;
}

/** The state of the connection that brings them. */
export function useLiveConnection(): ConnectionSnapshot & { connection: LiveFeed["connection"] } {
  const { connection } = useFeed();
  return { connection, ...useConnectionSnapshot(connection) };
}

function useFeed(): LiveFeed {
  const feed = useContext(Feed);
  if (!feed) throw new Error("LiveProvider is missing above");
  return feed;
}
