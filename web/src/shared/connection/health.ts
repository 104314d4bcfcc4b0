// What /healthz says. A server says that it serves; a gateway also which of its upstreams answer.

export interface Upstream {
  readonly url: string;
  /** The gateway's paths that are relayed to it. */
  readonly paths: readonly string[];
  readonly answers: boolean;
  /** For people: "101 in 2 ms", or why there is no answer. */
  readonly detail: string;
}

export interface Health {
  readonly status: string;
  /** Null: it is no gateway. */
  readonly upstreams: readonly Upstream[] | null;
}

const TIMEOUT_MS = 5_000;

/** Asks the page's own origin; null where nobody answers, or in words that are not understood. */
export async function fetchHealth(): Promise<Health | null> {
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return parseHealth(await response.text());
  } catch {
    return null;
  }
}

export function parseHealth(body: string): Health | null {
  try {
    const parsed = JSON.parse(body) as { status?: unknown; upstreams?: unknown } | null;
    if (typeof parsed?.status !== "string") return null;
    const { status, upstreams } = parsed;
    return { status, upstreams: Array.isArray(upstreams) ? upstreams.flatMap(upstreamIn) : null };
  } catch {
    return null;
  }
}

function upstreamIn(value: unknown): Upstream[] {
  const { url, paths, answers, detail } = (value ?? {}) as Record<string, unknown>;
  if (typeof url !== "string" || typeof answers !== "boolean") return [];
  return [
    {
      url,
      paths: Array.isArray(paths) ? paths.filter((path) => typeof path === "string") : [],
      answers,
      detail: typeof detail === "string" ? detail : "",
    },
  ];
}

/**
 * To whom a path is relayed; null if to nobody, as far as is known. A WebSocket request for `/` is one for `/ws`, unless
 * `/` has an upstream of its own.
 */
export function upstreamOf(health: Health | null, path: string): Upstream | null {
  const leadsTo = (asked: string) => health?.upstreams?.find(({ paths }) => paths.includes(asked)) ?? null;
  return leadsTo(path) ?? (path === "/" ? leadsTo("/ws") : null);
}

/** "the upstream does not answer (connection refused)". */
export function upstreamProblem({ detail }: Upstream): string {
  return `the upstream does not answer${detail ? ` (${detail})` : ""}`;
}
