import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { formatCount } from "../format";
import { Button } from "./Button";
import { classes } from "./classes";
import { ArrowDownIcon } from "./icons";
import styles from "./VirtualList.module.css";

export interface VirtualListProps<T> {
  /** What the list holds, for screen readers. */
  label: string;
  items: readonly T[];
  /** Stable: the same item, the same key. */
  keyOf: (item: T, index: number) => string | number;
  render: (item: T, index: number) => ReactNode;
  /** A usual item's height in CSS pixels; the real one is measured. */
  estimatedHeight: number;
  /** Stays at the newest item as long as the reader is there; else offers the way back. */
  follow?: boolean;
  /** Shown while there are no items. */
  empty?: ReactNode;
  className?: string;
}

/** Closer to the end than this many pixels counts as being there. */
const END_TOLERANCE = 24;
const OVERSCAN = 12;

/** A list of any length, of which only what is seen is in the document. Give its `className` a height. */
export function VirtualList<T>({
  label,
  items,
  keyOf,
  render,
  estimatedHeight,
  follow,
  empty,
  className,
}: VirtualListProps<T>) {
  const scroller = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimatedHeight,
    getItemKey: (index) => keyOf(items[index] as T, index),
    overscan: OVERSCAN,
    useFlushSync: false,
  });

  const height = virtualizer.getTotalSize();
  // Also when a measured height differs from the estimate, hence on `height`.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the list has grown
  useLayoutEffect(() => {
    if (follow && atEnd && scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [height, items.length, follow]);

  const onScroll = () => {
    const element = scroller.current;
    if (element) setAtEnd(element.scrollHeight - element.scrollTop - element.clientHeight < END_TOLERANCE);
  };
  const toEnd = () => {
    setAtEnd(true);
    virtualizer.scrollToIndex(items.length - 1, { align: "end" });
  };

  return (
    <div className={classes(styles.frame, className)}>
      {items.length === 0 && <div className={styles.empty}>{empty}</div>}
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section
        ref={scroller}
        className={styles.scroller}
        aria-label={label}
        tabIndex={0}
        onScroll={onScroll}
        hidden={items.length === 0}
      >
        {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
        <ol className={styles.all} style={{ height }}>
          {virtualizer.getVirtualItems().map(({ index, key, start }) => (
            <li
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              aria-posinset={index + 1}
              aria-setsize={items.length}
              className={styles.item}
              style={{ transform: `translateY(${start}px)` }}
            >
              {render(items[index] as T, index)}
            </li>
          ))}
        </ol>
      </section>
      {follow && !atEnd && (
        <Button size="small" className={styles.toEnd} icon={<ArrowDownIcon />} onClick={toEnd}>
          Newest of {formatCount(items.length)}
        </Button>
      )}
    </div>
  );
}
