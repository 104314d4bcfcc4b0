import type { ReactNode } from "react";
import type { Connection, ConnectionState } from "../connection";
import { useAbsentUpstream } from "../server";
import { StateBadge } from "./Badge";
import { ConnectionNotice } from "./ConnectionNotice";
import styles from "./PageHeader.module.css";

interface PageConnection {
  /** The service's path. */
  name: string;
  state: ConnectionState;
  connection: Connection;
}

/**
 * A page's title, a sentence that says what it is for and, if the page has a connection, how that stands: a badge beside the
 * title, and below a place that is always kept for what there is to say and to do about it, so that nothing below jumps.
 */
export function PageHeader({ title, children, link }: { title: string; children?: ReactNode; link?: PageConnection }) {
  const absent = useAbsentUpstream(link?.name ?? null, link?.state.kind ?? "idle");
  return (
    <header className={styles.header}>
      <h1>{title}</h1>
      {link && (
        <p className={styles.aside}>
          <code className={styles.name}>{link.name}</code>
          <StateBadge state={link.state} held={absent !== null} />
        </p>
      )}
      {children && <p className={styles.sentence}>{children}</p>}
      {link && (
        <div className={styles.notice}>
          <ConnectionNotice {...link} absent={absent} />
        </div>
      )}
    </header>
  );
}
