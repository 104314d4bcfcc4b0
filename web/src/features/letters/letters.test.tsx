import { fakeWebSockets, giveElementsSize } from "@shared/testing";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import LettersPage from ".";
import { target } from "./Tiles";

const sockets = fakeWebSockets();
giveElementsSize(320, 400, 28);
beforeEach(() => sessionStorage.clear());

function page() {
  const user = userEvent.setup();
  render(<LettersPage />);
  const server = sockets.latest("/letters");
  act(() => server.accept());
  return { user, server };
}

const tile = (letter: string) => screen.getByRole("button", { name: `Letter ${letter}` });
const requests = (server: { sent: unknown[] }) => server.sent.map((text) => JSON.parse(String(text)));

describe("the letters page", () => {
  it("subscribes by mouse, shows the number, and says it in the log", async () => {
    const { user, server } = page();
    await user.click(tile("A"));
    expect(requests(server)).toEqual([{ action: "subscribe", letter: "A" }]);
    expect(tile("A")).toHaveAttribute("aria-pressed", "true");
    act(() => server.say({ A: 1234 }));
    await waitFor(() => expect(tile("A")).toHaveAccessibleDescription("1234"));
    expect(await screen.findByText("Letter A updated with number 1234.")).toBeInTheDocument();
    expect(screen.getByText("1 of 26 subscribed")).toBeInTheDocument();
    await user.click(tile("A"));
    expect(requests(server).at(-1)).toEqual({ action: "unsubscribe", letter: "A" });
    expect(tile("A")).toHaveAttribute("aria-pressed", "false");
  });

  it("subscribes by keyboard: the letter's own key, arrows and space", async () => {
    const { user, server } = page();
    tile("A").focus();
    await user.keyboard("q");
    expect(tile("Q")).toHaveFocus();
    await user.keyboard("{ArrowRight} ");
    expect(tile("R")).toHaveFocus();
    expect(requests(server)).toEqual([
      { action: "subscribe", letter: "Q" },
      { action: "subscribe", letter: "R" },
    ]);
    expect(screen.getAllByRole("button", { name: /^Letter/ }).filter(({ tabIndex }) => tabIndex === 0)).toEqual([
      tile("R"),
    ]);
  });

  it("shows the server's own words", async () => {
    const { user, server } = page();
    await user.click(screen.getByRole("button", { name: "Unsubscribe" }));
    expect(requests(server)).toEqual([{ action: "unsubscribe", letter: "A" }]);
    act(() => server.say({ A: "You need to subscribe before un-subscribing" }));
    const log = within(await screen.findByRole("region", { name: "Updates" }));
    expect(await log.findByText(/A: You need to subscribe before un-subscribing/)).toBeInTheDocument();
  });

  it("subscribes again when the connection is back", async () => {
    const { user, server } = page();
    await user.click(screen.getByRole("button", { name: "Subscribe to all" }));
    act(() => server.end(1006));
    await user.click(await screen.findByRole("button", { name: "Connect now" }));
    const second = sockets.latest("/letters");
    expect(second).not.toBe(server);
    act(() => second.accept());
    expect(requests(second)).toHaveLength(26);
  });

  it("remembers the letters while the tab lives", async () => {
    sessionStorage.setItem("wigwag.letters", "AZ!");
    const { server } = page();
    expect(requests(server).map(({ letter }) => letter)).toEqual(["A", "Z"]);
  });

  it("holds the log still on a pause and says how many wait", async () => {
    const { user, server } = page();
    act(() => server.say({ A: 1111 }));
    await screen.findByText("Letter A updated with number 1111.");
    await user.click(screen.getByRole("button", { name: "Pause" }));
    act(() => server.say({ A: 2222 }));
    expect(await screen.findByText("Paused: 1 more since.")).toBeInTheDocument();
    expect(screen.queryByText("Letter A updated with number 2222.")).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Go on" }));
    expect(await screen.findByText("Letter A updated with number 2222.")).toBeInTheDocument();
  });
});

describe("where a key leads", () => {
  it("stays within the grid", () => {
    expect(target("ArrowLeft", 0, 9)).toBeNull();
    expect(target("ArrowRight", 25, 9)).toBeNull();
    expect(target("ArrowDown", 3, 9)).toBe(12);
    expect(target("ArrowUp", 3, 9)).toBeNull();
    expect(target("Home", 7, 9)).toBe(0);
    expect(target("End", 7, 9)).toBe(25);
    expect(target("Enter", 7, 9)).toBeNull();
  });
});
