import { PATH, type ServiceTraffic, type Snapshot } from "../wire/live";

/** The feed that brings the figures; it is left out of them, so that a quiet server looks quiet. */
const OWN_FEED = PATH.slice(1);
/** Connections that the server opens itself, as client; not a service. */
const OUTGOING = "outgoing";

/** The services of the server, in its order. */
export function servicesOf(snapshot: Snapshot): ServiceTraffic[] {
  return snapshot.services.filter(({ name }) => name !== OWN_FEED && name !== OUTGOING);
}

/** The path of a service, which its name in the figures is without the slash; the root's is a slash. */
export function pathOf(name: string): string {
  return name === "/" ? name : `/${name}`;
}

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
