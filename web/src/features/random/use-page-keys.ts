import { useEffect, useRef } from "react";

/** Elements that know Space and Enter themselves. */
const OPERABLE = "a, button, input, select, textarea, summary, [role=slider], [contenteditable]";

/** Space and Enter anywhere on the page, unless something that is focused wants them. */
export function usePageKeys(act: () => void): void {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { key, target, repeat, ctrlKey, metaKey, altKey } = event;
      if ((key !== " " && key !== "Enter") || repeat || ctrlKey || metaKey || altKey) return;
      if (target instanceof Element && target.closest(OPERABLE)) return;
      event.preventDefault();
      latest.current();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
