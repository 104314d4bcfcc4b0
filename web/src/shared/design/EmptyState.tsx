import type { ReactNode } from "react";
import styles from "./EmptyState.module.css";

/** Says what will appear here, and how to make it appear. */
export function EmptyState({ icon, title, children }: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      {icon}
      <p className={styles.title}>{title}</p>
      {children && <div className={styles.words}>{children}</div>}
    </div>
  );
}
