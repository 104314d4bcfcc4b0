import { useCallback, useState } from "react";

/**
 * A text that outlives its page: kept for as long as the browser's tab, so that leaving a page, or loading it again, loses
 * nothing that was typed. Where storage is forbidden it lasts as long as the component. `kept` says what of it may be stored.
 */
export function useSessionText(
  key: string,
  initial = "",
  kept: (text: string) => string = asTyped,
): [string, (text: string) => void] {
  const [text, setText] = useState(() => readSession(key) ?? initial);
  const change = useCallback(
    (next: string) => {
      setText(next);
      writeSession(key, kept(next));
    },
    [key, kept],
  );
  return [text, change];
}

const asTyped = (text: string) => text;

/** What was kept under `key`, if anything. */
export function readSession(key: string): string | null {
  try {
    return sessionStorage.getItem(`wigwag.${key}`);
  } catch {
    return null;
  }
}

/** Keeps `text` under `key` while the tab lives. */
export function writeSession(key: string, text: string): void {
  try {
    sessionStorage.setItem(`wigwag.${key}`, text);
  } catch {
    // Storage is forbidden or full: the text stays on the page.
  }
}
