// Addresses that were connected to, newest first; remembered in this browser.

const KEY = "wigwag.console.recent";
const RECENT_MAX = 5;

export function readRecent(): string[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(parsed) ? parsed.filter((one) => typeof one === "string").slice(0, RECENT_MAX) : [];
  } catch {
    return [];
  }
}

/** Puts an address first; gives the list. Where storage is forbidden it is not remembered. */
export function rememberRecent(url: string): string[] {
  const recent = [url, ...readRecent().filter((one) => one !== url)].slice(0, RECENT_MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(recent));
  } catch {
    // Nothing depends on it.
  }
  return recent;
}
