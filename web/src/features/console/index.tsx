import { classes, PageHeader } from "@shared/design";
import { useFrameStore } from "@shared/frame-store";
import { useEffect } from "react";
import { ConnectionCard } from "./ConnectionCard";
import styles from "./Console.module.css";
import { LogCard } from "./LogCard";
import { RoundTripCard } from "./RoundTripCard";
import { SendCard } from "./SendCard";
import { keptSession } from "./session";

/** Any WebSocket, by hand: connect, send, and see everything that passes. */
export default function ConsolePage() {
  const session = keptSession();
  useEffect(() => () => session.leave(), [session]);
  const snapshot = useFrameStore(session.store);
  const isOpen = snapshot.state.kind === "open";
  return (
    <>
      <PageHeader title="Console">Connect to any WebSocket, send what you like, and see every message.</PageHeader>
      <div className={styles.columns}>
        <div className={styles.column}>
          <ConnectionCard session={session} state={snapshot.state} url={snapshot.url} />
          <RoundTripCard session={session} isOpen={isOpen} roundTrip={snapshot.roundTrip} />
        </div>
        <div className={classes(styles.column, styles.traffic)}>
          <div className={styles.logPlace}>
            <LogCard session={session} snapshot={snapshot} />
          </div>
          <SendCard session={session} isOpen={isOpen} />
        </div>
      </div>
    </>
  );
}
