import {
  Button,
  CheckIcon,
  CheckTwiceIcon,
  ClockIcon,
  CopyIcon,
  classes,
  copyText,
  RetryIcon,
  WarningIcon,
} from "@shared/design";
import { formatCount, formatDuration, formatTime } from "@shared/format";
import type { ReactNode } from "react";
import { answerOf, type Delivery, type Exchange, type Item } from "./conversation";
import styles from "./ItemRow.module.css";

/** Longer texts are cut in the list; copying gives all. */
const SHOWN_CHARACTERS_MAX = 2_000;

interface RowProps<I> {
  item: I;
  tabIndex: 0 | -1;
  isOpen: boolean;
  onSendAgain: (exchange: Exchange) => void;
}

/** An entry of the conversation: a message with its answer below it, or what else there was. */
export function ItemRow({ item, ...rest }: RowProps<Item>) {
  switch (item.kind) {
    case "exchange":
      return <ExchangeRow item={item} {...rest} />;
    case "note":
      return (
        <p className={styles.note} tabIndex={rest.tabIndex}>
          <Time atMs={item.atMs} /> {item.text}
        </p>
      );
    case "stray":
      return (
        <div className={styles.exchange}>
          <Bubble side="theirs" text={item.text}>
            <CopyButton what="answer" text={item.text} tabIndex={rest.tabIndex} />
            <Time atMs={item.atMs} /> <span>answers none of the messages</span>
          </Bubble>
        </div>
      );
  }
}

function ExchangeRow({ item, tabIndex, isOpen, onSendAgain }: RowProps<Exchange>) {
  return (
    <div className={styles.exchange}>
      <Bubble side="mine" text={item.text}>
        <CopyButton what="message" text={item.text} tabIndex={tabIndex} />
        <Time atMs={item.sentAtMs} />
        {item.attempt > 1 && <span>attempt {item.attempt}</span>}
        <DeliveryState delivery={item.delivery} />
      </Bubble>
      {item.delivery === "answered" && (
        <Bubble side="theirs" text={item.text} number={item.number}>
          <Time atMs={item.answeredAtMs ?? 0} />
          <span title="From sending to the answer">{formatDuration((item.answeredAtMs ?? 0) - item.sentAtMs)}</span>
          <CopyButton what="answer" text={answerOf(item)} tabIndex={tabIndex} />
        </Bubble>
      )}
      {item.delivery === "failed" && (
        <div className={classes(styles.side, styles.theirs)}>
          <p className={classes(styles.bubble, styles.failed)}>No answer: {item.why}.</p>
          {!item.isRefused && (
            <Button
              size="small"
              icon={<RetryIcon />}
              tabIndex={tabIndex}
              aria-disabled={!isOpen || undefined}
              onClick={() => isOpen && onSendAgain(item)}
            >
              Send again
            </Button>
          )}
        </div>
      )}
      {(item.delivery === "sending" || item.delivery === "sent") && (
        <div className={classes(styles.side, styles.theirs)}>
          <p className={classes(styles.bubble, styles.awaited)}>…</p>
        </div>
      )}
    </div>
  );
}

function Bubble({
  side,
  text,
  number,
  children,
}: {
  side: "mine" | "theirs";
  text: string;
  number?: number | null;
  children: ReactNode;
}) {
  const more = text.length - SHOWN_CHARACTERS_MAX;
  return (
    <div className={classes(styles.side, styles[side])}>
      <p className={styles.bubble}>
        <span className="visually-hidden">{side === "mine" ? "You: " : "Server: "}</span>
        {more > 0 ? text.slice(0, SHOWN_CHARACTERS_MAX) : text}
        {more > 0 && <i className={styles.more}> … and {formatCount(more)} more characters</i>}
        {number != null && <b className={styles.number}> {number}</b>}
      </p>
      <p className={styles.meta}>{children}</p>
    </div>
  );
}

function Time({ atMs }: { atMs: number }) {
  const date = new Date(performance.timeOrigin + atMs);
  return (
    <time dateTime={date.toISOString()} title={formatTime(date)}>
      {formatTime(date, { milliseconds: false })}
    </time>
  );
}

const DELIVERY_ICON: Record<Delivery, ReactNode> = {
  sending: <ClockIcon />,
  sent: <CheckIcon />,
  answered: <CheckTwiceIcon />,
  failed: <WarningIcon />,
};

function DeliveryState({ delivery }: { delivery: Delivery }) {
  return (
    <span className={classes(styles.delivery, styles[`is-${delivery}`])} data-delivery={delivery}>
      {DELIVERY_ICON[delivery]}
      {delivery}
    </span>
  );
}

function CopyButton({ what, text, tabIndex }: { what: "message" | "answer"; text: string; tabIndex: 0 | -1 }) {
  const Name = what === "message" ? "Message" : "Answer";
  return (
    <button
      type="button"
      className={styles.copy}
      aria-label={`Copy the ${what}`}
      title={`Copy the ${what}`}
      tabIndex={tabIndex}
      onClick={() => copyText(text, `${Name} copied.`)}
    >
      <CopyIcon />
    </button>
  );
}
