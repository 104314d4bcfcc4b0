import { useConnection, useMessages } from "@shared/connection";
import { announce, Button, Card, PageHeader, toast } from "@shared/design";
import { useFrameStore } from "@shared/frame-store";
import { readSession, writeSession } from "@shared/session-text";
import { useEffect, useMemo } from "react";
import { Ask } from "./Ask";
import styles from "./Letters.module.css";
import { Log } from "./Log";
import { LETTERS, LettersModel } from "./model";
import { Tiles } from "./Tiles";

const SESSION_KEY = "letters";

export default function LettersPage() {
  const { connection, state } = useConnection("/letters");
  const model = useMemo(
    () =>
      new LettersModel(
        // Refused while it is not open: `opened` tells the server all that is wanted then.
        (request) => connection.send(JSON.stringify(request)),
        (text) => {
          toast(`The server says: ${text}`);
          announce(`The server says: ${text}`);
        },
        remembered(),
      ),
    [connection],
  );
  const view = useFrameStore(model.store);

  useMessages(connection, ({ data }) => model.received(data, Date.now()));
  useEffect(() => {
    const stopOpen = connection.onOpen(() => model.opened());
    const stopClose = connection.onClose(() => model.lost());
    return () => {
      stopOpen();
      stopClose();
    };
  }, [connection, model]);

  const wanted = model.wanted.join("");
  useEffect(() => writeSession(SESSION_KEY, wanted), [wanted]);

  return (
    <>
      <PageHeader title="Letters" link={{ name: "/letters", state, connection }}>
        The server keeps a number for each letter and draws it anew at its interval. Subscribe to see it change.
      </PageHeader>
      <div className={styles.page}>
        <Card
          title={<span className={styles.count}>{`${view.on} of ${LETTERS.length} subscribed`}</span>}
          aside={
            <span className={styles.actions}>
              <Button size="small" disabled={view.wanted === LETTERS.length} onClick={() => model.subscribeAll()}>
                Subscribe to all
              </Button>
              <Button size="small" disabled={view.wanted === 0} onClick={() => model.unsubscribeAll()}>
                Unsubscribe from all
              </Button>
            </span>
          }
        >
          <Tiles tiles={view.tiles} live={state.kind === "open"} onToggle={(letter) => model.toggle(letter)} />
          <p className={styles.hint}>
            A click, or the letter’s key, subscribes and unsubscribes; the arrow keys move.
            {state.kind !== "open" && " What you choose now is asked for when the connection is open."}
          </p>
        </Card>
        <div className={styles.side}>
          <Log view={view} onClear={() => model.clearLog()} />
          <Ask
            open={state.kind === "open"}
            onSubscribe={(letter) => model.subscribe(letter)}
            onUnsubscribe={(letter) => model.unsubscribe(letter)}
          />
        </div>
      </div>
    </>
  );
}

/** The letters chosen before, in this tab. */
function remembered(): string[] {
  return [...(readSession(SESSION_KEY) ?? "")].filter((letter) => LETTERS.includes(letter));
}
