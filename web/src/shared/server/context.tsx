import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { type ConnectionSnapshot, useConnectionSnapshot } from "../connection";
import { useFrameStore } from "../frame-store";
import { type Live, LiveFeed } from "./live";

const Feed = createContext<LiveFeed | null>(null);

/** Gives all pages below the same live feed. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [feed] = useState(() => new LiveFeed());
  useEffect(() => feed.start(), [feed]);
  return <Feed value={feed}>{children}</Feed>;
}

/** The server's figures; renders about once a second. */
export function useLive(): Live {
  return useFrameStore(useFeed().store);
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
