/** What this server offers, in one sentence each; the order is the pages'. */
export interface ServiceDescription {
  /** As in the figures. */
  name: string;
  path: string;
  /** The page that shows it; a hash route. */
  page: string;
  sentence: string;
  /** Another page that shows it. */
  also?: { page: string; words: string };
}

export const SERVICES: readonly ServiceDescription[] = [
  {
    name: "random",
    path: "/random",
    page: "/random",
    sentence: "Answers each message with its text and a random number from 1 to 100.",
    also: { page: "/chat", words: "as a chat" },
  },
  {
    name: "stream",
    path: "/stream",
    page: "/stream",
    sentence: "Sends a text back character by character, then backwards, then a count.",
  },
  {
    name: "letters",
    path: "/letters",
    page: "/letters",
    sentence: "Holds a number per letter and tells subscribers each time it changes.",
  },
  { name: "echo", path: "/echo", page: "/console", sentence: "Sends each message back as it came." },
];
