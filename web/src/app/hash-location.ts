// Hash routes with a query of their own: in `/#/console?to=/ws` the page is `/console`, the query `to=/ws`.

import { useSyncExternalStore } from "react";

function subscribe(told: () => void): () => void {
  window.addEventListener("hashchange", told);
  return () => window.removeEventListener("hashchange", told);
}

/** What follows the `#`, in two parts. */
function hashParts(): [path: string, search: string] {
  const [path = "", search = ""] = window.location.hash.replace(/^#?\/?/, "").split("?", 2);
  return [`/${path}`, search];
}

/** wouter's own hook would move the query in front of the hash, where it would stay on every page that follows. */
function navigate(to: string, { state = null, replace = false }: { state?: unknown; replace?: boolean } = {}): void {
  const oldURL = window.location.href;
  const newURL = new URL(`#${to}`, oldURL).href;
  window.history[replace ? "replaceState" : "pushState"](state, "", newURL);
  window.dispatchEvent(new HashChangeEvent("hashchange", { oldURL, newURL }));
}

/** For wouter's `Router`. */
export function useHashPath(): [string, typeof navigate] {
  return [useSyncExternalStore(subscribe, () => hashParts()[0]), navigate];
}
useHashPath.hrefs = (href: string) => `#${href}`;

/** For wouter's `Router`: what `useSearch` gives. */
export function useHashSearch(): string {
  return useSyncExternalStore(subscribe, () => hashParts()[1]);
}
