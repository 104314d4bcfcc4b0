import { create } from "zustand";
import { classes } from "./classes";
import { CloseIcon } from "./icons";
import styles from "./toast.module.css";

export interface Toast {
  id: number;
  text: string;
  tone: "neutral" | "bad";
}

const TOASTS_MAX = 3;
const SHOWN_MS = 5_000;

const useToasts = create<{ toasts: Toast[]; announcement: string }>(() => ({ toasts: [], announcement: "" }));
let nextId = 1;

/** Says for a while what has happened: "Copied.". What went wrong stays until it is dismissed. */
export function toast(text: string, tone: Toast["tone"] = "neutral"): void {
  const id = nextId++;
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts, { id, text, tone }].slice(-TOASTS_MAX) }));
  if (tone !== "bad") setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Says something to screen readers alone, when they are done with what they say. */
export function announce(text: string): void {
  useToasts.setState({ announcement: text });
}

function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((shown) => shown.id !== id) }));
}

/** Where toasts and announcements appear; the shell has it once. */
export function Toasts() {
  const { toasts, announcement } = useToasts();
  return (
    <>
      <div role="status" className={styles.region}>
        {toasts.map(({ id, text, tone }) => (
          <div key={id} className={classes(styles.toast, tone === "bad" && styles.bad)}>
            <span>{text}</span>
            <button type="button" className={styles.dismiss} aria-label="Dismiss" onClick={() => dismiss(id)}>
              <CloseIcon width={16} height={16} />
            </button>
          </div>
        ))}
      </div>
      <div aria-live="polite" className="visually-hidden">
        {announcement}
      </div>
    </>
  );
}
