import { LiveProvider } from "@shared/server";
import { fakeWebSockets } from "@shared/testing";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorBoundary } from "./ErrorBoundary";

const sockets = fakeWebSockets();

function Failing({ message }: { message: string }): never {
  throw new Error(message);
}

function show(message: string) {
  const reload = vi.fn();
  render(
    <LiveProvider>
      <p>the shell</p>
      <ErrorBoundary title="Chat" reload={reload}>
        <Failing message={message} />
      </ErrorBoundary>
    </LiveProvider>,
  );
  return reload;
}

beforeEach(() => {
  // React reports what a boundary has caught.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

describe("a page that fails", () => {
  it("leaves the shell, says why, and can be loaded again", async () => {
    const reload = show("no such letter");
    expect(screen.getByRole("alert")).toHaveTextContent("Chat has failed");
    expect(screen.getByRole("alert")).toHaveTextContent("no such letter");
    expect(screen.getByText("the shell")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Load the page again" }));
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("whose files did not come is loaded as soon as the server answers", async () => {
    const reload = show("Failed to fetch dynamically imported module: /assets/chat.js");
    expect(screen.getByRole("alert")).toHaveTextContent("The server does not answer.");
    expect(reload).not.toHaveBeenCalled();
    act(() => sockets.latest("/metrics/live").accept());
    await waitFor(() => expect(reload).toHaveBeenCalledTimes(1));
  });
});
