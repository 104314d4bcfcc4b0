import { useConnection } from "@shared/connection";
import {
  Button,
  Card,
  ChatIcon,
  ClearIcon,
  CopyIcon,
  copyText,
  EmptyState,
  PageHeader,
  VirtualList,
  type VirtualListHandle,
} from "@shared/design";
import { formatCountOf, formatTime } from "@shared/format";
import { useFrameStore } from "@shared/frame-store";
import { useSessionText } from "@shared/session-text";
import { useEffect, useRef } from "react";
import styles from "./Chat.module.css";
import { Composer } from "./Composer";
import { asText } from "./conversation";
import { Figures } from "./Figures";
import { ItemRow } from "./ItemRow";
import { SendMany } from "./SendMany";
import { keptSession } from "./session";

const USUAL_ROW_HEIGHT = 84;

/** One writes, the server answers: `/random` as a conversation. */
export default function ChatPage() {
  const session = keptSession();
  const { connection, state } = useConnection("/random");
  useEffect(() => session.attach(connection), [session, connection]);
  const snapshot = useFrameStore(session.store);
  const [draft, setDraft] = useSessionText("chat.draft");
  const list = useRef<VirtualListHandle>(null);
  const isOpen = state.kind === "open";

  const send = () => {
    if (draft === "" || !session.send(draft)) return;
    setDraft("");
    list.current?.toEnd();
  };
  const lastShown = useRef(0);
  const showNextFailed = () => {
    lastShown.current = session.failedAfter(lastShown.current)?.id ?? 0;
    list.current?.reveal(lastShown.current);
  };

  return (
    <div className={styles.page}>
      <PageHeader title="Chat" link={{ name: "/random", state, connection }}>
        Each message is answered with its own text and a number from 1 to 100.
      </PageHeader>
      <div className={styles.columns}>
        <Card
          title="Conversation"
          flush
          className={styles.conversation}
          aside={
            <span className={styles.tools}>
              <Button
                kind="quiet"
                size="small"
                icon={<CopyIcon />}
                disabled={snapshot.items.length === 0}
                onClick={() =>
                  copyText(
                    asText(snapshot.items, wallClock),
                    `${formatCountOf(snapshot.items.length, "entry", "entries")} copied.`,
                  )
                }
              >
                Copy all
              </Button>
              <Button
                kind="quiet"
                size="small"
                icon={<ClearIcon />}
                disabled={snapshot.items.length === 0}
                onClick={() => session.clear()}
              >
                Clear
              </Button>
            </span>
          }
        >
          <VirtualList
            label="Messages and answers"
            handle={list}
            className={styles.list}
            items={snapshot.items}
            keyOf={(item) => item.id}
            render={(item, _, tabIndex) => (
              <ItemRow
                item={item}
                tabIndex={tabIndex}
                isOpen={isOpen}
                onSendAgain={(again) => session.sendAgain([again])}
              />
            )}
            estimatedHeight={USUAL_ROW_HEIGHT}
            follow
            empty={
              <EmptyState icon={<ChatIcon />} title="Nothing was said yet">
                <p>Write a message below. It appears at the right, the server’s answer at the left.</p>
              </EmptyState>
            }
          />
          <Composer draft={draft} onChange={setDraft} onSend={send} state={state} />
        </Card>
        <div className={styles.side}>
          <SendMany
            run={snapshot.run}
            draft={draft}
            isOpen={isOpen}
            onStart={(total, text) => {
              session.sendMany(total, text);
              list.current?.toEnd();
            }}
            onStop={() => session.stop()}
          />
          <Figures
            snapshot={snapshot}
            isOpen={isOpen}
            onShowFailed={showNextFailed}
            onSendAgain={() => session.sendAgain()}
          />
        </div>
      </div>
    </div>
  );
}

function wallClock(atMs: number): string {
  return formatTime(performance.timeOrigin + atMs);
}
