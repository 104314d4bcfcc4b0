import { Button, EmptyState, RetryIcon, WarningIcon } from "@shared/design";
import { Component, type ReactNode } from "react";

interface Props {
  title: string;
  children: ReactNode;
}

/** Keeps a page's failure to that page: the shell, and the way to the others, stay. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    // A page's file that is gone: the server was replaced by another version since this page was loaded.
    const gone = /dynamically imported module|Importing a module script failed/.test(error.message);
    return (
      <div role="alert">
        <EmptyState
          icon={<WarningIcon />}
          title={gone ? `${this.props.title} could not be loaded` : `${this.props.title} has failed`}
        >
          <p>{gone ? "The server does not answer, or has been replaced by another version." : error.message}</p>
          <p>
            <Button icon={<RetryIcon />} onClick={() => location.reload()}>
              Load the page again
            </Button>
          </p>
        </EmptyState>
      </div>
    );
  }
}
