import { type ReactNode, useId } from "react";
import styles from "./Card.module.css";
import { classes } from "./classes";

export interface CardProps {
  title?: ReactNode;
  /** At the right of the title: a badge, a small button. */
  aside?: ReactNode;
  /** Fills the card to its edges: for lists and charts. */
  flush?: boolean;
  className?: string | undefined;
  children: ReactNode;
}

/** A bordered part of a page; a titled one is a region that screen readers list. */
export function Card({ title, aside, flush, className, children }: CardProps) {
  const id = useId();
  const Tag = title ? "section" : "div";
  return (
    <Tag className={classes(styles.card, className)} aria-labelledby={title ? id : undefined}>
      {(title || aside) && (
        <header className={styles.header}>
          <h2 id={id} className={styles.title}>
            {title}
          </h2>
          {aside}
        </header>
      )}
      <div className={classes(styles.body, flush && styles.flush)}>{children}</div>
    </Tag>
  );
}
