import { ChatIcon, ConsoleIcon, LettersIcon, OverviewIcon, RandomIcon, StreamIcon } from "@shared/design";
import { type ComponentType, lazy } from "react";

export interface PageRoute {
  /** A hash route: paths belong to the server's services. */
  path: string;
  title: string;
  icon: ComponentType;
  page: ComponentType;
  /** Fetches the page's files before it is asked for. */
  preload: () => void;
}

type Load = () => Promise<{ default: ComponentType }>;

function route(path: string, title: string, icon: ComponentType, load: Load): PageRoute {
  // A failure shows when the page itself is opened.
  const preload = () => void load().catch(() => undefined);
  return { path, title, icon, page: lazy(load), preload };
}

export const ROUTES: readonly PageRoute[] = [
  route("/", "Overview", OverviewIcon, () => import("../features/overview")),
  route("/random", "Random", RandomIcon, () => import("../features/random")),
  route("/chat", "Chat", ChatIcon, () => import("../features/chat")),
  route("/stream", "Stream", StreamIcon, () => import("../features/stream")),
  route("/letters", "Letters", LettersIcon, () => import("../features/letters")),
  route("/console", "Console", ConsoleIcon, () => import("../features/console")),
];
