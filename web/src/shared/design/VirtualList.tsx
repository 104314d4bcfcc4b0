import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { formatCount } from "../format";
import { Button } from "./Button";
import { classes } from "./classes";
import { ArrowDownIcon } from "./icons";
import styles from "./VirtualList.module.css";

type Key = string | number;

export interface VirtualListProps<T> {
  /** What the list holds, for screen readers. */
  label: string;
  items: readonly T[];
  /** Stable: the same item, the same key. */
  keyOf: (item: T, index: number) => Key;
  /** `tabIndex` is for the row's controls: one row is in the tab order, arrow keys lead to the others. */
  render: (item: T, index: number, tabIndex: 0 | -1) => ReactNode;
  /** A usual item's height in CSS pixels; the real one is measured. */
  estimatedHeight: number;
  /** Stays at the newest item as long as the reader is there; else says how many are new, and offers the way back. */
  follow?: boolean;
  /** Shown while there are no items. */
  empty?: ReactNode;
  className?: string | undefined;
  handle?: Ref<VirtualListHandle>;
}

export interface VirtualListHandle {
  /** Scrolls to the item, and gives its first control the focus. */
  reveal: (key: Key) => void;
  /** Scrolls to the newest item, and stays there. */
  toEnd: () => void;
}

/** Closer to the end than this many pixels counts as being there. */
const END_TOLERANCE = 24;
const OVERSCAN = 12;

/**
 * A list of any length, of which only what is seen is in the document. Give its `className` a height. Items may go at the
 * front as others come at the end: what is seen stays where it is.
 */
export function VirtualList<T>({
  label,
  items,
  keyOf,
  render,
  estimatedHeight,
  follow = false,
  empty,
  className,
  handle,
}: VirtualListProps<T>) {
  const scroller = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  /** The same at once: rows may come between a scroll event and its rendering. */
  const following = useRef(true);
  const lastTop = useRef(0);
  /** The newest item that was there when the reader left the end. */
  const lastSeen = useRef<Key | null>(null);
  /** The row whose controls are in the tab order, once the reader has chosen one. */
  const [chosen, setChosen] = useState<Key | null>(null);
  const [focusWithin, setFocusWithin] = useState(false);
  const toFocus = useRef<Key | null>(null);

  const indexOf = (key: Key | null) =>
    key === null ? -1 : lastIndexOf(items, (item, index) => keyOf(item, index) === key);
  const chosenIndex = indexOf(chosen);
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimatedHeight,
    getItemKey: (index) => keyOf(items[index] as T, index),
    overscan: OVERSCAN,
    useFlushSync: false,
    // Items that go at the front move nothing that is read; at the end, `keepEnd` sees to it.
    anchorTo: follow && !atEnd ? "end" : "start",
    // What has the focus stays in the document, wherever the list is scrolled to.
    rangeExtractor: (range) => {
      const indexes = defaultRangeExtractor(range);
      if (!focusWithin || chosenIndex < 0 || indexes.includes(chosenIndex)) return indexes;
      return [...indexes, chosenIndex].sort((a, b) => a - b);
    },
  });

  // At the end nothing need be corrected for a row that turns out lower; a correction would look like scrolling away.
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = follow && atEnd ? () => false : undefined;

  const height = virtualizer.getTotalSize();
  // Also when a measured height differs from the estimate, hence on `height`.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the list has grown
  useLayoutEffect(() => {
    // The reader may have scrolled away a moment ago, and its event is still to come.
    if (scroller.current && scroller.current.scrollTop < lastTop.current) onScroll();
    if (follow && following.current) keepEnd();
  }, [height, items.length, follow]);

  const rows = virtualizer.getVirtualItems();
  const tabbable = rows.some(({ index }) => index === chosenIndex) ? chosenIndex : (virtualizer.range?.endIndex ?? -1);

  useLayoutEffect(() => {
    if (toFocus.current === null) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${indexOf(toFocus.current)}"]`);
    if (!row) return;
    toFocus.current = null;
    row.querySelector<HTMLElement>("button, a, input, [tabindex]")?.focus({ preventScroll: true });
  });

  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const wentUp = element.scrollTop < lastTop.current;
    lastTop.current = element.scrollTop;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END_TOLERANCE;
    // A list that grew below is not left: only who scrolls up leaves its end.
    if (!isAtEnd && following.current && !wentUp) return;
    if (!isAtEnd && following.current)
      lastSeen.current = items.length ? keyOf(items.at(-1) as T, items.length - 1) : null;
    following.current = isAtEnd;
    setAtEnd(isAtEnd);
  };
  // Not by the virtualizer, which would insist on its aim for a while: the reader may scroll away at once.
  const keepEnd = () => {
    const element = scroller.current;
    if (!element) return;
    element.scrollTop = element.scrollHeight;
    lastTop.current = element.scrollTop;
  };
  const toEnd = () => {
    following.current = true;
    setAtEnd(true);
    keepEnd();
  };
  const choose = (index: number, align: "auto" | "center" = "auto") => {
    const item = items[index];
    if (item === undefined) return;
    toFocus.current = keyOf(item, index);
    setChosen(toFocus.current);
    virtualizer.scrollToIndex(index, { align });
  };
  useImperativeHandle(handle, () => ({ reveal: (key) => choose(indexOf(key), "center"), toEnd }));

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("li[data-index]");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const from = Number(row.dataset.index);
    const to = { ArrowUp: from - 1, ArrowDown: from + 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to);
  };

  const newCount = atEnd ? 0 : items.length - 1 - Math.max(-1, indexOf(lastSeen.current));

  return (
    <div className={classes(styles.frame, className)}>
      {items.length === 0 && <div className={styles.empty}>{empty}</div>}
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveElementInteractions: the keys belong to the controls within */}
      <section
        ref={scroller}
        className={styles.scroller}
        aria-label={label}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onFocus={(event) => {
          const index = (event.target as HTMLElement).closest<HTMLElement>("li[data-index]")?.dataset.index;
          setFocusWithin(index !== undefined);
          if (index !== undefined) setChosen(keyOf(items[Number(index)] as T, Number(index)));
        }}
        onBlur={() => setFocusWithin(false)}
        hidden={items.length === 0}
      >
        {/* biome-ignore-end lint/a11y/noNoninteractiveElementInteractions: see above */}
        {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
        <ol className={styles.all} style={{ height }}>
          {rows.map(({ index, key, start }) => (
            <li
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              aria-posinset={index + 1}
              aria-setsize={items.length}
              className={styles.item}
              style={{ transform: `translateY(${start}px)` }}
            >
              {render(items[index] as T, index, index === tabbable ? 0 : -1)}
            </li>
          ))}
        </ol>
      </section>
      {follow && !atEnd && items.length > 0 && (
        <Button size="small" className={styles.toEnd} icon={<ArrowDownIcon />} onClick={toEnd}>
          {newCount > 0 ? `${formatCount(newCount)} new` : "Newest"}
        </Button>
      )}
    </div>
  );
}

/** From the end: what is looked for is usually near it. */
function lastIndexOf<T>(items: readonly T[], found: (item: T, index: number) => boolean): number {
  for (let index = items.length - 1; index >= 0; index -= 1) if (found(items[index] as T, index)) return index;
  return -1;
}
