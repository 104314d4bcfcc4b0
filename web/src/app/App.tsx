import { CSPProvider } from "@base-ui/react/csp-provider";
import { PageHeader } from "@shared/design";
import { LiveProvider } from "@shared/server";
import { Suspense } from "react";
import { Link, Route, Router, Switch } from "wouter";
import { ErrorBoundary } from "./ErrorBoundary";
import { useHashPath, useHashSearch } from "./hash-location";
import { ROUTES } from "./routes";
import { Shell } from "./Shell";

export function App() {
  return (
    // The page's Content-Security-Policy forbids style elements.
    <CSPProvider disableStyleElements>
      <LiveProvider>
        <Router hook={useHashPath} searchHook={useHashSearch}>
          <Shell>
            <Switch>
              {ROUTES.map(({ path, title, page: Page }) => (
                <Route key={path} path={path}>
                  <ErrorBoundary key={path} title={title}>
                    <Suspense fallback={<p className="visually-hidden">{title} is being loaded.</p>}>
                      <Page />
                    </Suspense>
                  </ErrorBoundary>
                </Route>
              ))}
              <Route>
                <PageHeader title="There is no such page">
                  The address names none of the pages. <Link href="/">Go to the overview.</Link>
                </PageHeader>
              </Route>
            </Switch>
          </Shell>
        </Router>
      </LiveProvider>
    </CSPProvider>
  );
}
