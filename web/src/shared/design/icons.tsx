import type { SVGProps } from "react";

// Drawn on a 20 × 20 grid with 1.5 strokes. They say nothing to screen readers: the word beside them, or the button's
// label, does.

type IconProps = Omit<SVGProps<SVGSVGElement>, "children">;

function icon(name: string, d: string) {
  function Icon(props: IconProps) {
    return (
      <svg
        viewBox="0 0 20 20"
        width="20"
        height="20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
        {...props}
      >
        <path d={d} />
      </svg>
    );
  }
  Icon.displayName = `${name}Icon`;
  return Icon;
}

export const OverviewIcon = icon("Overview", "M3 16.5h14M4.5 13.5 8 9l3 2.5L16 5");
export const RandomIcon = icon(
  "Random",
  "M4.5 3.5h11a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1M7 7h.01M13 7h.01M10 10h.01M7 13h.01M13 13h.01",
);
export const ChatIcon = icon("Chat", "M3.5 4.5h13v9H9l-3.5 3v-3h-2z");
export const StreamIcon = icon("Stream", "M3 5.5h14M3 10h10M3 14.5h6");
export const LettersIcon = icon(
  "Letters",
  "M2.5 15 6.5 5l4 10M4 11.5h5M13 5h2a2.5 2.5 0 0 1 0 5h-2zm0 5h2.5a2.5 2.5 0 0 1 0 5H13z",
);
export const ConsoleIcon = icon("Console", "M2.5 4h15v12h-15zM5.5 8l2.5 2-2.5 2M10 12.5h4");
export const SunIcon = icon(
  "Sun",
  "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.4 4.4l1 1M14.6 14.6l1 1M4.4 15.6l1-1M14.6 5.4l1-1",
);
export const MoonIcon = icon("Moon", "M16.5 11.8A6.8 6.8 0 0 1 8.2 3.5a6.8 6.8 0 1 0 8.3 8.3");
export const SystemIcon = icon("System", "M2.5 4h15v9.5h-15zM7 16.5h6M10 13.5v3");
export const CopyIcon = icon("Copy", "M7 7h9v9.5H7zM13 7V3.5H4V13h3");
export const ClearIcon = icon("Clear", "M3.5 5.5h13M8 5.5v-2h4v2M5 5.5l.8 11h8.4l.8-11M8.5 9v4.5M11.5 9v4.5");
export const SendIcon = icon("Send", "M3 10 17 3.5 13 17l-3.5-5.5zM9.5 11.5 17 3.5");
export const StopIcon = icon("Stop", "M5.5 5.5h9v9h-9z");
export const PauseIcon = icon("Pause", "M7 5v10M13 5v10");
export const PlayIcon = icon("Play", "M6 4.5v11l9-5.5z");
export const CloseIcon = icon("Close", "m5 5 10 10M15 5 5 15");
export const PlusIcon = icon("Plus", "M10 4v12M4 10h12");
export const CheckIcon = icon("Check", "m4 10.5 4 4 8-9");
export const CheckTwiceIcon = icon("CheckTwice", "m2 10.5 4 4 7.5-9M9.5 14l.5.5L18 5.5");
export const ClockIcon = icon("Clock", "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M10 6v4.2l2.8 1.8");
export const ChevronIcon = icon("Chevron", "m7.5 5 5 5-5 5");
export const WarningIcon = icon("Warning", "M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.2v.05");
export const InfoIcon = icon("Info", "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M10 9.3v4.2M10 6.6v.05");
export const RetryIcon = icon("Retry", "M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4");
export const DownloadIcon = icon("Download", "M10 3v10M6 9.5l4 4 4-4M3.5 16.5h13");
export const UploadIcon = icon("Upload", "M10 13.5v-10M6 7l4-4 4 4M3.5 16.5h13");
export const SearchIcon = icon("Search", "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13 13l4 4");
export const ArrowInIcon = icon("ArrowIn", "M14.5 5.5l-9 9M5.5 7.5v7h7");
export const ArrowOutIcon = icon("ArrowOut", "M5.5 14.5l9-9M14.5 12.5v-7h-7");
export const ArrowRightIcon = icon("ArrowRight", "M4 10h12M11 5l5 5-5 5");
export const ArrowDownIcon = icon("ArrowDown", "M10 4v12M5 11l5 5 5-5");
export const LinkOffIcon = icon(
  "LinkOff",
  "M8 12.5 6 14.5a2.8 2.8 0 0 1-4-4l2-2M12 7.5l2-2a2.8 2.8 0 0 1 4 4l-2 2M4 4l12 12",
);

/** The mark: a signal flag, white with a red square in the middle by day, red with a white one by night. */
export function Mark({ size = 24, ...props }: IconProps & { size?: number }) {
  return (
    <svg viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false" {...props}>
      <path d="M1.75 1.75h20.5v20.5H1.75z" className="mark-cloth" />
      <path d="M7.5 7.5h9v9h-9z" className="mark-square" />
    </svg>
  );
}
