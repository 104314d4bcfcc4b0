import { Button, EmptyState, RetryIcon, WarningIcon } from "@shared/design";
import { useLiveConnection } from "@shared/server";
import { Component, type ReactNode, useEffect, useRef } from "react";

interface Props {
  title: string;
  children: ReactNode;
  /** For tests. */
  reload?: () => void;
}

const reloadPage = () => window.location.reload();

/** Keeps a page's failure to that page: the shell, and the way to the others, stay. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    const { title, children, reload = reloadPage } = this.props;
    if (!error) return children;
    return (
      <div role="alert">
        <h1 className="visually-hidden">{title}</h1>
        {isMissingFile(error) ? (
          <Missing title={title} reload={reload} />
        ) : (
          <EmptyState icon={<WarningIcon />} title={`${title} has failed`}>
            <p>{error.message}</p>
            <Reload reload={reload} />
          </EmptyState>
        )}
      </div>
    );
  }
}

/** A page's file did not come: the server is away, or was replaced by another version since this page was loaded. */
function Missing({ title, reload }: { title: string; reload: () => void }) {
  const { state } = useLiveConnection();
  const away = state.kind !== "open";
  // Browsers differ in whether a failed import may be tried again; a new load works in all of them.
  const wasAway = useRef(false);
  useEffect(() => {
    if (away) wasAway.current = true;
    else if (wasAway.current) reload();
  }, [away, reload]);
  return (
    <EmptyState icon={<WarningIcon />} title={`${title} could not be loaded`}>
      <p>
        {away
          ? "The server does not answer. The page is loaded as soon as it does."
          : "The server may have been replaced by another version."}
      </p>
      <Reload reload={reload} />
    </EmptyState>
  );
}

function Reload({ reload }: { reload: () => void }) {
  return (
    <p>
      <Button icon={<RetryIcon />} onClick={reload}>
        Load the page again
      </Button>
    </p>
  );
}

/** Each browser, and the loader of styles, has its own words for it. */
function isMissingFile({ message }: Error): boolean {
  return /dynamically imported module|Importing a module script failed|preload CSS/i.test(message);
}
