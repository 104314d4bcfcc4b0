import { create } from "zustand";

export type ThemeChoice = "system" | "light" | "dark";

/** Read before the first paint by app/early-theme.js, which must agree on it. */
const STORAGE_KEY = "wigwag.theme";

interface ThemeStore {
  choice: ThemeChoice;
  choose: (choice: ThemeChoice) => void;
}

/** The chosen theme; "system" follows the system's. */
export const useTheme = create<ThemeStore>((set) => ({
  choice: remembered(),
  choose: (choice) => {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    try {
      if (choice === "system") localStorage.removeItem(STORAGE_KEY);
      else localStorage.setItem(STORAGE_KEY, choice);
    } catch {
      // Storage is forbidden here: the choice lasts as long as the page.
    }
    set({ choice });
  },
}));

/** Calls when colours change, by choice or by the system; for what is drawn on a canvas. */
export function onThemeChange(listener: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", listener);
  const stop = useTheme.subscribe(listener);
  return () => {
    system.removeEventListener("change", listener);
    stop();
  };
}

function remembered(): ThemeChoice {
  const { theme } = document.documentElement.dataset;
  return theme === "light" || theme === "dark" ? theme : "system";
}
