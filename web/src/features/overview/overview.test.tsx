import { formatLongDuration } from "@shared/format";
import { LiveProvider } from "@shared/server";
import { aService, aSnapshot, fakeWebSockets } from "@shared/testing";
import type { Snapshot } from "@shared/wire/live";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import OverviewPage from ".";

const sockets = fakeWebSockets();

function show(): HTMLElement {
  return render(
    <LiveProvider>
      <OverviewPage />
    </LiveProvider>,
  ).container;
}

/** Opens the feed, says these snapshots, and waits until the last one is drawn. */
async function feed(...snapshots: Snapshot[]): Promise<void> {
  const socket = sockets.latest("/metrics/live");
  act(() => {
    socket.accept();
    for (const snapshot of snapshots) socket.say(snapshot);
  });
  const uptime = formatLongDuration(snapshots.at(-1)?.uptime_seconds).replaceAll("\u202f", " ");
  await screen.findByText(new RegExp(`running for ${uptime}$`));
}

function spoken(element: HTMLElement): string {
  return (element.textContent ?? "").replaceAll("\u202f", " ");
}

describe("the overview", () => {
  it("lists the services before any figure came, and knows no number then", () => {
    const container = show();
    for (const path of ["/random", "/stream", "/letters", "/echo"]) {
      expect(screen.getByRole("heading", { name: path })).toBeInTheDocument();
    }
    expect(container).toHaveTextContent("running for –");
    expect(spoken(container)).not.toMatch(/\b0 (connections|msg)/);
  });

  it("shows each service's figures and the way to its page", async () => {
    show();
    await feed(
      aSnapshot(7, {
        services: [aService("random", { connections: 12, messages_out_per_second: 12_400 }), aService("echo")],
      }),
    );
    const card = screen.getByRole("heading", { name: "/random" }).closest("li") as HTMLElement;
    expect(spoken(card)).toContain("12 connections12.4 k msg/s out");
    expect(within(card).getByRole("link", { name: "Try it" })).toHaveAttribute("href", "/random");
    expect(screen.queryByRole("heading", { name: "/stream" })).not.toBeInTheDocument();
  });

  it("shows a service that these pages do not know", async () => {
    show();
    await feed(aSnapshot(7, { services: [aService("rooms"), aService("random")] }));
    const card = screen.getByRole("heading", { name: "/rooms" }).closest("li") as HTMLElement;
    expect(within(card).getByRole("link", { name: "Try it" })).toHaveAttribute("href", "/console?to=/rooms");
    const paths = screen.getAllByRole("heading", { level: 3 }).map((heading) => heading.textContent);
    expect(paths.slice(0, 2)).toEqual(["/random", "/rooms"]);
  });

  it("reads earlier values of a chart by arrow keys", async () => {
    const user = userEvent.setup();
    show();
    const at = (second: number, connections: number) =>
      aSnapshot(second, { services: [aService("random", { connections })] });
    await feed(at(1, 5), at(2, 7), at(3, 9));
    const chart = screen.getByRole("slider", { name: /^Open connections/ });
    expect(chart).toHaveAttribute("aria-valuetext", "now: open 9");
    chart.focus();
    await user.keyboard("{ArrowLeft}{ArrowLeft}");
    expect(chart).toHaveAttribute("aria-valuetext", "2 s ago: open 5");
    await user.keyboard("{Escape}");
    expect(chart).toHaveAttribute("aria-valuetext", "now: open 9");
  });

  it("says a latency as the bound that it is", async () => {
    const container = show();
    const latency = { answers: 100, p50_micros: 50, p99_micros: 2_000, max_micros: 10_000_000 };
    await feed(aSnapshot(4, { latency }));
    expect(spoken(container)).toContain("p50≤ 50 µsp99≤ 2 msmax> 1 s");
  });

  it("keeps the last figures while the feed is lost, and says of when they are", async () => {
    const container = show();
    await feed(aSnapshot(5, { closes_total: { 1000: 3 } }));
    act(() => sockets.latest("/metrics/live").end(1006));
    await waitFor(() => expect(container).toHaveTextContent("reconnecting in 1 s"));
    expect(container).toHaveTextContent(/These figures are as of \d\d:\d\d:\d\d\./);
    expect(container).toHaveTextContent("1000 normal closure3");
  });

  it("does not stumble over what is no snapshot", async () => {
    show();
    const socket = sockets.latest("/metrics/live");
    act(() => {
      socket.accept();
      for (const odd of ["", "{", "null", "[]", "7", '{"services": 1}', new ArrayBuffer(3)]) socket.say(odd);
      socket.say(aSnapshot(3));
    });
    expect(await screen.findByText(/running for 3 s$/)).toBeInTheDocument();
  });

  it("begins a new history when the server was restarted", async () => {
    show();
    await feed(aSnapshot(500), aSnapshot(501));
    act(() => sockets.latest("/metrics/live").end(1001));
    await userEvent.click(await screen.findByRole("button", { name: "Connect now" }));
    await feed({ ...aSnapshot(3), time_unix_milliseconds: aSnapshot(510).time_unix_milliseconds });
    const chart = screen.getByRole("slider", { name: /^Open connections/ });
    chart.focus();
    await userEvent.keyboard("{ArrowLeft}");
    expect(chart).toHaveAttribute("aria-valuetext", "now: open 0");
  });
});
