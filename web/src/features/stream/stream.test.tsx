import { fakeWebSockets } from "@shared/testing";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import StreamPage from ".";
import { EXAMPLE } from "./model";

const sockets = fakeWebSockets();
beforeEach(() => sessionStorage.clear());

function page() {
  const user = userEvent.setup();
  render(<StreamPage />);
  const server = sockets.latest("/stream");
  act(() => server.accept());
  return { user, server, text: screen.getByRole("textbox", { name: "Text to stream" }) };
}

const lane = (name: string) => within(screen.getByRole("group", { name }));
const arrived = (name: string) => screen.getByRole("group", { name }).querySelector("[data-arrived]")?.textContent;

describe("the stream page", () => {
  it("has the example text ready, and fills three lanes", async () => {
    const { user, server, text } = page();
    expect(text).toHaveValue(EXAMPLE);
    await user.clear(text);
    await user.type(text, "abb{Enter}");
    expect(server.sent).toEqual(['{"message":"abb"}']);
    act(() => {
      for (const data of ["a", "b", "b"]) server.say({ type: "stream", data });
      server.say({ type: "stream_reverse", data: "b" });
    });
    await waitFor(() => expect(arrived("Reverse")).toBe("b"));
    expect(arrived("Echo")).toBe("abb");
    expect(lane("Echo").getByText("3 of 3")).toBeInTheDocument();
    act(() => {
      for (const data of ["b", "a"]) server.say({ type: "stream_reverse", data });
      server.say({ type: "count", last_char: "b", count: 1 });
    });
    expect(await lane("Count").findByText("Last char 'b' count: 1")).toBeInTheDocument();
    expect(screen.getByRole("list", { name: "Texts" })).toHaveTextContent("answered");
    expect(screen.getByRole("list", { name: "Texts" })).toHaveTextContent("7 of 7 messages");
  });

  it("stops by a new connection, and says what was not finished", async () => {
    const { user, server } = page();
    await user.click(screen.getByRole("button", { name: "Send" }));
    act(() => server.say({ type: "stream", data: "T" }));
    await user.click(await screen.findByRole("button", { name: "Stop" }));
    expect(server.closedWith?.code).toBe(1000);
    act(() => server.end(1000));
    expect(await screen.findByText("stopped", { selector: "li *" })).toBeInTheDocument();
    expect(sockets.latest("/stream")).not.toBe(server);
  });

  it("after a loss keeps the text and offers to send what was not finished", async () => {
    const { user, server, text } = page();
    await user.click(screen.getByRole("button", { name: "Send" }));
    await user.clear(text);
    await user.type(text, "half a thou");
    act(() => server.end(1006));
    expect(await screen.findByText("not finished")).toBeInTheDocument();
    expect(text).toHaveValue("half a thou");
    await user.click(screen.getByRole("button", { name: "Connect now" }));
    const second = sockets.latest("/stream");
    act(() => second.accept());
    await user.click(await screen.findByRole("button", { name: "Send again" }));
    expect(second.sent).toEqual([JSON.stringify({ message: EXAMPLE })]);
  });

  it("says why it will not send, and shows the server's errors", async () => {
    const { user, server, text } = page();
    await user.clear(text);
    await user.click(screen.getByRole("button", { name: "Send" }));
    expect(screen.getByText(/Type at least one character/)).toBeInTheDocument();
    act(() => server.say({ type: "error", code: "stopping", message: "the server stops" }));
    await user.type(text, "x");
    expect(await screen.findByText("the server stops")).toBeInTheDocument();
  });

  it("says at once that a text is too long", async () => {
    const { user, server, text } = page();
    await user.clear(text);
    await user.click(text);
    await user.paste("x".repeat(10_001));
    expect(text).toBeInvalid();
    expect(text).toHaveAccessibleDescription("That is more than 10,000 characters: send it in parts.");
    await user.keyboard("{Enter}");
    expect(server.sent).toEqual([]);
  });

  it("keeps what was typed when the page is left", async () => {
    const { user, text } = page();
    await user.type(text, "!");
    const second = render(<StreamPage />);
    expect(within(second.container).getByRole("textbox")).toHaveValue(`${EXAMPLE}!`);
  });
});
