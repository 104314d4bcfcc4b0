import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useConnection } from "../connection";
import { PageHeader } from "../design";
import { fakeWebSockets } from "../testing";
import { LiveProvider, useLive } from ".";

const sockets = fakeWebSockets();
const REFUSED = { url: "ws://up.test/random", paths: ["/random"], answers: false, detail: "connection refused" };
const ANSWERS = { ...REFUSED, answers: true, detail: "101 in 1 ms" };

let upstreams: object[] | undefined;
let asked: string[];

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return Promise.resolve(new Response(JSON.stringify({ status: "ok", upstreams })));
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function Page() {
  const { connection, state } = useConnection("/random");
  const { health } = useLive();
  return (
    <main>
      <PageHeader title="Random" link={{ name: "/random", state, connection }} />
      <output>{health ? (health.upstreams ? "gateway" : "server") : "unknown"}</output>
    </main>
  );
}

async function show() {
  render(
    <LiveProvider>
      <Page />
    </LiveProvider>,
  );
  sockets.latest("/metrics/live").accept();
  sockets.latest("/random").accept();
  await pass(100);
}

function pass(ms: number) {
  return act(() => vi.advanceTimersByTimeAsync(ms));
}

describe("the health", () => {
  it("of a server has no upstreams, and its round trip is that of /readyz", async () => {
    upstreams = undefined;
    await show();
    expect(screen.getByText("server")).toBeInTheDocument();
    await pass(60_000);
    expect(asked.filter((path) => path === "/readyz").length).toBeGreaterThanOrEqual(12);
    expect(asked.filter((path) => path === "/healthz").length).toBeLessThanOrEqual(9);
  });

  it("of a gateway shows on its page that the upstream is away, and that it is back", async () => {
    upstreams = [ANSWERS];
    await show();
    expect(screen.getByText("open", { selector: "[data-state]" })).toBeInTheDocument();
    upstreams = [REFUSED];
    // The page's connection comes back: what it is worth is asked at once, not when the time has come.
    await pass(5_000);
    act(() => sockets.latest("/random").end(1012));
    await pass(1_000);
    act(() => sockets.latest("/random").accept());
    await pass(100);
    expect(screen.getByText("held", { selector: "[data-state]" })).toBeInTheDocument();
    expect(screen.getByText("held: the upstream does not answer (connection refused)")).toBeInTheDocument();
    upstreams = [ANSWERS];
    await pass(3_000);
    expect(screen.getByText("open", { selector: "[data-state]" })).toBeInTheDocument();
    expect(screen.queryByText(/^held: /)).toBeNull();
  });
});
