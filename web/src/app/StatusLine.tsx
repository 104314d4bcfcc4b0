import {
  Badge,
  classes,
  IconButton,
  Mark,
  MoonIcon,
  StateBadge,
  SunIcon,
  SystemIcon,
  type ThemeChoice,
  useTheme,
  WarningIcon,
} from "@shared/design";
import { formatDuration } from "@shared/format";
import { useLive, useLiveConnection } from "@shared/server";
import type { ReactNode } from "react";
import styles from "./StatusLine.module.css";

/** Which server this is, whether it answers, how fast; and the theme switch. */
export function StatusLine() {
  const { state } = useLiveConnection();
  const { latest, roundTripMs, health } = useLive();
  const upstreams = (state.kind === "open" && health?.upstreams) || [];
  const away = upstreams.filter(({ answers }) => !answers);
  return (
    <header className={classes(styles.line, away.length > 0 && styles.isAway)}>
      <span className={styles.mark}>
        <Mark size={20} />
      </span>
      <span className={styles.server}>
        <b>wigwag</b> <span className={styles.host}>{window.location.host}</span>
      </span>
      <StateBadge state={state} />
      {/* There before it says anything, or screen readers would not read it out. */}
      <span role="status" className={styles.upstream}>
        {away.length > 0 && (
          <Badge tone="warn" className={styles.away ?? ""}>
            <WarningIcon width={14} height={14} />
            <span title={away.map(({ url, detail }) => `${url}: ${detail}`).join("\n")}>
              {awayInWords(away.length, upstreams.length)}
            </span>
          </Badge>
        )}
      </span>
      {latest?.draining && <span className={styles.draining}>stopping</span>}
      <span className={styles.roundTrip} title="An HTTP request and its answer, measured every 5 s">
        <span className={styles.word}>round trip </span>
        <b>{formatDuration(roundTripMs)}</b>
      </span>
      <ThemeSwitch />
    </header>
  );
}

function awayInWords(away: number, all: number): string {
  if (away === all) return "upstream does not answer";
  return `${away} of ${all} upstreams ${away === 1 ? "does" : "do"} not answer`;
}

const NEXT: Record<ThemeChoice, ThemeChoice> = { system: "light", light: "dark", dark: "system" };
const THEME_ICON: Record<ThemeChoice, ReactNode> = { system: <SystemIcon />, light: <SunIcon />, dark: <MoonIcon /> };
const THEME_NAME: Record<ThemeChoice, string> = { system: "as the system", light: "light", dark: "dark" };

function ThemeSwitch() {
  const { choice, choose } = useTheme();
  const next = NEXT[choice];
  return (
    <IconButton
      label={`Colours: ${THEME_NAME[choice]}. Change to ${THEME_NAME[next]}.`}
      icon={THEME_ICON[choice]}
      onClick={() => choose(next)}
    />
  );
}
