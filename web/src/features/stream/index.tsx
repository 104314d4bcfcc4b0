import { useConnection, useMessages } from "@shared/connection";
import { announce, PageHeader } from "@shared/design";
import { useFrameStore } from "@shared/frame-store";
import { useSessionText } from "@shared/session-text";
import { useEffect, useMemo, useRef } from "react";
import { Answers } from "./Answers";
import { Compose } from "./Compose";
import { Lanes } from "./Lanes";
import { EXAMPLE, StreamModel } from "./model";
import styles from "./Stream.module.css";

export default function StreamPage() {
  const { connection, state } = useConnection("/stream");
  const model = useMemo(
    () => new StreamModel((request) => connection.send(JSON.stringify(request)) === "sent"),
    [connection],
  );
  const view = useFrameStore(model.store);
  const [text, setText] = useSessionText("stream.text", EXAMPLE);
  const stopping = useRef(false);

  useMessages(connection, ({ data, atMs }) => model.received(data, atMs));
  useEffect(
    () =>
      connection.onClose(() => {
        model.lost(stopping.current ? "stopped" : "lost");
        if (stopping.current) connection.retryNow();
        stopping.current = false;
      }),
    [connection, model],
  );
  // The protocol has no way to call an answer off; without a connection nobody answers.
  const stop = () => {
    stopping.current = true;
    connection.close(1000, "stopped by the user");
  };

  const { current } = view;
  const spoken = current?.status === "done" && current.count ? countSentence(current.count) : "";
  useEffect(() => {
    if (spoken) announce(`Answered. ${spoken}`);
  }, [spoken]);

  return (
    <>
      <PageHeader title="Stream" link={{ name: "/stream", state, connection }}>
        The server answers a text character by character, then backwards, and counts how often its last character occurs
        before the end.
      </PageHeader>
      <div className={styles.page}>
        <Compose
          text={text}
          onText={setText}
          open={state.kind === "open"}
          view={view}
          onAsk={(asked) => model.ask(asked)}
          onStop={stop}
        />
        <Lanes answer={current} preview={text} intervalMs={view.intervalMs} />
        <Answers
          view={view}
          open={state.kind === "open"}
          onAgain={(again) => model.ask(again)}
          onForget={() => model.forgetDone()}
        />
      </div>
    </>
  );
}

function countSentence({ lastCharacter, count }: { lastCharacter: string; count: number }): string {
  return `Last char '${lastCharacter}' count: ${count}`;
}
