import type { ReactNode } from "react";
import styles from "./PageHeader.module.css";

/** A page's title, a sentence that says what it is for, and what belongs beside them (usually a `ConnectionNotice`). */
export function PageHeader({ title, children, aside }: { title: string; children?: ReactNode; aside?: ReactNode }) {
  return (
    <header className={styles.header}>
      <div className={styles.words}>
        <h1>{title}</h1>
        {children && <p className={styles.sentence}>{children}</p>}
      </div>
      {aside && <div className={styles.aside}>{aside}</div>}
    </header>
  );
}
