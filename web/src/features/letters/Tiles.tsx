import { Sparkline } from "@shared/charts";
import { classes } from "@shared/design";
import { UNKNOWN } from "@shared/format";
import { type KeyboardEvent, memo, useRef, useState } from "react";
import { LETTERS, type Tile, TRACE_MAX, VALUE_RANGE } from "./model";
import styles from "./Tiles.module.css";

export interface TilesProps {
  tiles: readonly Tile[];
  /** The values are current: the connection is open. */
  live: boolean;
  onToggle: (letter: string) => void;
}

/** The 26 toggles. One of them is in the tab order (WAI-ARIA: roving tabindex); arrows, Home, End and letters reach the rest. */
export function Tiles({ tiles, live, onToggle }: TilesProps) {
  const [current, setCurrent] = useState("A");
  const grid = useRef<HTMLDivElement>(null);

  const focus = (index: number) => {
    const letter = LETTERS[index];
    if (!letter) return;
    setCurrent(letter);
    grid.current?.querySelectorAll("button")[index]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = LETTERS.indexOf(current);
    const typed = LETTERS.indexOf(event.key.toUpperCase());
    if (event.key.length === 1 && typed >= 0) {
      focus(typed);
      onToggle(event.key.toUpperCase());
    } else {
      const to = target(event.key, at, columns(grid.current));
      if (to === null) return;
      focus(to);
    }
    event.preventDefault();
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls, these are buttons
    <div ref={grid} className={styles.grid} role="group" aria-label="Letters" onKeyDown={onKeyDown}>
      {tiles.map((tile) => (
        <LetterTile
          key={tile.letter}
          tile={tile}
          live={live}
          inTabOrder={tile.letter === current}
          onFocus={setCurrent}
          onToggle={onToggle}
        />
      ))}
    </div>
  );
}

const LetterTile = memo(function LetterTile({
  tile: { letter, status, value, trace, updates },
  live,
  inTabOrder,
  onFocus,
  onToggle,
}: {
  tile: Tile;
  live: boolean;
  inTabOrder: boolean;
  onFocus: (letter: string) => void;
  onToggle: (letter: string) => void;
}) {
  const valueId = `letter-${letter}-value`;
  return (
    <div className={classes(styles.tile, styles[status], !live && styles.stale)}>
      {/* Over the whole tile, and not around it: its name is not to change with each number. */}
      <button
        type="button"
        className={styles.toggle}
        aria-label={`Letter ${letter}`}
        aria-describedby={valueId}
        aria-pressed={status !== "off"}
        tabIndex={inTabOrder ? 0 : -1}
        onFocus={() => onFocus(letter)}
        onClick={() => onToggle(letter)}
      />
      <span className={styles.head} aria-hidden="true">
        <span className={styles.letter}>{letter}</span>
        {/* A new key starts the swing anew; it goes to the other side each time, as a flag does. */}
        <span
          key={updates}
          className={classes(styles.flag, updates > 0 && (updates % 2 ? styles.right : styles.left))}
        />
      </span>
      <span id={valueId} className={styles.value}>
        {status === "on" ? value : status === "asked" ? (value ?? "asking") : UNKNOWN}
      </span>
      <Sparkline
        className={styles.trace ?? ""}
        values={status === "off" ? [] : trace}
        capacity={TRACE_MAX}
        range={VALUE_RANGE}
        tone="in"
      />
    </div>
  );
});

/** Where a key leads from tile `at`, if anywhere. */
export function target(key: string, at: number, columnCount: number): number | null {
  const last = LETTERS.length - 1;
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columnCount,
    ArrowUp: at - columnCount,
    Home: 0,
    End: last,
  }[key];
  return to === undefined || to < 0 || to > last ? null : to;
}

/** How many tiles the first row holds at this width. */
function columns(grid: HTMLElement | null): number {
  const tops = [...(grid?.children ?? [])].map((child) => (child as HTMLElement).offsetTop);
  const second = tops.findIndex((top) => top !== tops[0]);
  return second < 0 ? tops.length : second;
}
