import { classes, Mark, Toasts } from "@shared/design";
import { type ReactNode, type RefObject, useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { ROUTES } from "./routes";
import styles from "./Shell.module.css";
import { StatusLine } from "./StatusLine";

/** Rail (a bottom bar on a phone), status line, and the page between them. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  useTitleAndFocus(location, main);

  return (
    <div className={styles.shell}>
      {/* biome-ignore lint/a11y/useValidAnchor: it is one, to #main; only the hash must not change */}
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          // The hash is the route: only the focus moves.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <nav className={styles.rail} aria-label="Pages">
        <Link href="/" className={styles.brand} aria-label="wigwag: overview">
          <Mark size={28} />
        </Link>
        <ul className={styles.pages}>
          {ROUTES.map(({ path, title, icon: Icon, preload }) => (
            <li key={path}>
              <Link
                href={path}
                className={classes(styles.page, location === path && styles.current)}
                aria-current={location === path ? "page" : undefined}
                onPointerEnter={preload}
                onFocus={preload}
              >
                <Icon />
                <span>{title}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <StatusLine />
      <main ref={main} id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </div>
  );
}

/** A new page gets its title, and the keyboard's focus: what comes next is the page, not the rail again. */
function useTitleAndFocus(location: string, main: RefObject<HTMLElement | null>): void {
  const previous = useRef(location);
  useEffect(() => {
    const title = ROUTES.find(({ path }) => path === location)?.title ?? "Not found";
    document.title = `${title} · wigwag`;
    if (previous.current === location) return;
    previous.current = location;
    window.scrollTo(0, 0);
    main.current?.focus();
  }, [location, main]);
}
