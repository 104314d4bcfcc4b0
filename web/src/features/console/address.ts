// What a person types as an address and as subprotocols: checked before a connection is tried, and in words.

import { webSocketUrl } from "@shared/connection";

/** Where this page came from: `location`'s part that matters. */
export interface Here {
  protocol: string;
  host: string;
}

export type Address =
  | {
      kind: "good";
      url: URL;
      /** What may still stand in the way, or was understood differently from how it was typed. */
      remark: string;
    }
  | {
      kind: "bad";
      problem: string;
      /** What was probably meant. */
      suggestion?: string;
    };

/** This server's own address for a path. */
export function addressHere(path: string, { protocol, host }: Here): string {
  return `${protocol === "https:" ? "wss" : "ws"}://${host}${path}`;
}

export function parseAddress(typed: string, here: Here): Address {
  const text = typed.trim();
  if (text === "") return { kind: "bad", problem: `Type an address, such as ${addressHere("/echo", here)}.` };
  if (text.startsWith("/")) {
    return { kind: "bad", problem: "A whole address is needed.", suggestion: addressHere(text, here) };
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const suggestion = withScheme(text);
    const problem = "It must begin with ws:// or wss:// (encrypted).";
    return isUrl(suggestion) ? { kind: "bad", problem, suggestion } : { kind: "bad", problem };
  }
  if (!/^(wss?|https?):/i.test(text)) {
    return { kind: "bad", problem: `${text.slice(0, text.indexOf(":") + 1)} is no WebSocket: use ws:// or wss://.` };
  }
  if (!isUrl(text)) return { kind: "bad", problem: "The browser does not understand it. Check the host and the port." };
  const url = webSocketUrl(text);
  const blocked = mixedContent(url, here);
  if (blocked && !isLoopback(url))
    return { kind: "bad", problem: blocked, suggestion: withoutCredentials(`wss:${url.href.slice(3)}`) };
  return {
    kind: "good",
    url,
    remark: blocked ? `${blocked} Only some allow it to this machine itself.` : remarkOn(text, url),
  };
}

/** What was probably meant: "localhost:8765/echo" has no scheme (though it looks like one), "ws:/host" half of one. */
function withScheme(text: string): string {
  const [half = "", scheme = "ws"] = /^(wss?|https?)(?::\/?|\/\/)(?!\d*\/?$)/i.exec(text) ?? [];
  return `${/s$/i.test(scheme.slice(2)) ? "wss" : "ws"}://${text.slice(half.length).replace(/^\/+/, "")}`;
}

/** The address without a user's name and password: what may be shown and remembered. */
export function withoutCredentials(address: string): string {
  return address.replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1");
}

/** Why a page that came over https may not open ws://; null if it does not matter. */
export function mixedContent(url: URL, here: Here): string | null {
  if (here.protocol !== "https:" || url.protocol !== "ws:") return null;
  return "This page came over https, and browsers block unencrypted ws:// from such pages (mixed content). Use wss://, or load this page over http.";
}

function remarkOn(text: string, url: URL): string {
  if (/^http/i.test(text)) return `Understood as ${withoutCredentials(url.href)}`;
  if (text.includes("#")) return "What follows # stays in the browser; it is left out.";
  if (url.username || url.password) return "The user’s name and password are neither shown in the log nor remembered.";
  return "";
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127\./.test(hostname);
}

function isUrl(text: string): boolean {
  try {
    return new URL(text).hostname !== "";
  } catch {
    return false;
  }
}

/** RFC 6455 §4.1: each is a token of RFC 9110, and none comes twice. */
export function parseSubprotocols(typed: string): { protocols: string[]; problem: string | null } {
  const protocols = typed.split(/[\s,]+/).filter(Boolean);
  const wrong = protocols.find((name) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
  if (wrong) return { protocols, problem: `“${wrong}” has characters that a subprotocol may not have.` };
  const twice = protocols.find((name, index) => protocols.indexOf(name) !== index);
  return { protocols, problem: twice ? `“${twice}” is there twice.` : null };
}
