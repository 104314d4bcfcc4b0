import { Button, SendIcon } from "@shared/design";
import type { ReactNode } from "react";
import styles from "./SendCard.module.css";

export interface SendProps {
  isOpen: boolean;
  /** False if it could not be sent. */
  send: (payload: string | Uint8Array<ArrayBuffer>) => boolean;
}

/** The button, what else can be done, and what to know. */
export function SendRow({
  isOpen,
  isReady = true,
  onSend,
  hint,
  children,
}: {
  isOpen: boolean;
  /** There is something right to send. */
  isReady?: boolean;
  onSend: () => void;
  hint: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className={styles.row}>
      {children}
      <p className={styles.note}>{isOpen ? hint : "Not connected: what you write stays here."}</p>
      <Button kind="primary" icon={<SendIcon />} aria-disabled={!isOpen || !isReady || undefined} onClick={onSend}>
        Send
      </Button>
    </div>
  );
}
