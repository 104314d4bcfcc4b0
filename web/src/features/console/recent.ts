// Addresses that were connected to, newest first; remembered in this browser, without a user's name and password.

import { withoutCredentials } from "./address";

const KEY = "wigwag.console.recent";
const RECENT_MAX = 5;

export function readRecent(): string[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const addresses = Array.isArray(parsed) ? parsed.filter((one) => typeof one === "string") : [];
    return [...new Set(addresses.map(withoutCredentials))].slice(0, RECENT_MAX);
  } catch {
    return [];
  }
}

/** Puts an address first; gives the list. Where storage is forbidden it is not remembered. */
export function rememberRecent(url: string): string[] {
  const shown = withoutCredentials(url);
  const recent = [shown, ...readRecent().filter((one) => one !== shown)].slice(0, RECENT_MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(recent));
  } catch {
    // Nothing depends on it.
  }
  return recent;
}
