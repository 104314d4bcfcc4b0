import { ChatIcon, ConsoleIcon, LettersIcon, OverviewIcon, RandomIcon, StreamIcon } from "@shared/design";
import { type ComponentType, lazy } from "react";

export interface PageRoute {
  /** A hash route: paths belong to the server's services. */
  path: string;
  title: string;
  icon: ComponentType;
  page: ComponentType;
}

export const ROUTES: readonly PageRoute[] = [
  { path: "/", title: "Overview", icon: OverviewIcon, page: lazy(() => import("../features/overview")) },
  { path: "/random", title: "Random", icon: RandomIcon, page: lazy(() => import("../features/random")) },
  { path: "/chat", title: "Chat", icon: ChatIcon, page: lazy(() => import("../features/chat")) },
  { path: "/stream", title: "Stream", icon: StreamIcon, page: lazy(() => import("../features/stream")) },
  { path: "/letters", title: "Letters", icon: LettersIcon, page: lazy(() => import("../features/letters")) },
  { path: "/console", title: "Console", icon: ConsoleIcon, page: lazy(() => import("../features/console")) },
];
