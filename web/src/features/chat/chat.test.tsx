import { Toasts } from "@shared/design";
import { fakeWebSockets, giveElementsSize } from "@shared/testing";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import ChatPage from ".";
import { forgetSession, WINDOW_MESSAGES } from "./session";

const sockets = fakeWebSockets();
giveElementsSize();

beforeEach(() => {
  forgetSession();
  sessionStorage.clear();
});

function open() {
  const user = userEvent.setup();
  const page = render(
    <>
      <ChatPage />
      <Toasts />
    </>,
  );
  act(() => sockets.latest("/random").accept());
  return { user, page, field: screen.getByLabelText("Message") };
}

/** The server answers all that it has got and not answered, until nothing more comes. */
function answerAll(socket = sockets.latest("/random"), from = 0): number {
  let answered = from;
  act(() => {
    for (; answered < socket.sent.length; answered += 1) socket.say(`${socket.sent[answered]} ${(answered % 100) + 1}`);
  });
  return answered;
}

const list = () => screen.getByRole("region", { name: "Messages and answers" });

describe("the chat page", () => {
  it("shows a message, its delivery, and the answer below it", async () => {
    const { user, field } = open();
    sockets.latest().bufferedAmount = 1;
    await user.type(field, "hello{Shift>}{Enter}{/Shift}there{Enter}");
    expect(sockets.latest().sent).toEqual(["hello\nthere"]);
    expect(field).toHaveValue("");
    expect(within(list()).getByText("sending")).toBeInTheDocument();
    sockets.latest().bufferedAmount = 0;
    await waitFor(() => expect(within(list()).getByText("sent")).toBeInTheDocument());
    act(() => sockets.latest().say("hello\nthere 42"));
    await waitFor(() => expect(within(list()).getByText("answered")).toBeInTheDocument());
    expect(within(list()).getByText("42")).toBeInTheDocument();
    expect(screen.getByText("Answer: hello there 42", { collapseWhitespace: true })).toBeInTheDocument();
  });

  it("keeps what was typed while the connection is away, and over leaving the page", async () => {
    const { user, field, page } = open();
    act(() => sockets.latest().end(1006));
    await waitFor(() => expect(screen.getByText(/^Not connected/)).toBeInTheDocument());
    await user.type(field, "patience{Enter}");
    expect(field).toHaveValue("patience");
    page.unmount();
    render(<ChatPage />);
    expect(screen.getByLabelText("Message")).toHaveValue("patience");
    act(() => sockets.latest("/random").accept());
    await user.click(screen.getByLabelText("Message"));
    await user.keyboard("{Enter}");
    expect(sockets.latest("/random").sent).toEqual(["patience"]);
  });

  it("does not offer again what is too big for the server", async () => {
    const { user, field } = open();
    await user.type(field, "small{Enter}");
    await user.type(field, "much bigger{Enter}");
    act(() => sockets.latest().end(1009, "message too big: the limit is 8 bytes"));
    expect(await screen.findByText("No answer: it is too big for this server.")).toBeInTheDocument();
    const why = "No answer: the connection closed with 1009, message too big: the limit is 8 bytes.";
    expect(screen.getByText(why)).toBeInTheDocument();
    expect(screen.getAllByRole("button", { name: "Send again" })).toHaveLength(1);
    expect(screen.getByRole("button", { name: "Send 1 again" })).toBeInTheDocument();
  });

  it("marks as failed what was under way when the connection was lost, and sends it again", async () => {
    const { user, field } = open();
    await user.type(field, "a{Enter}");
    act(() => sockets.latest().end(1001));
    await waitFor(() => expect(screen.getByText("failed", { selector: "[data-delivery]" })).toBeInTheDocument());
    expect(screen.getByText("No answer: the connection closed with 1001, going away.")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Connect now" }));
    act(() => sockets.latest().accept());
    await screen.findByText(/Connected again/);
    await user.click(screen.getByRole("button", { name: "Send again" }));
    expect(sockets.latest().sent).toEqual(["a"]);
    answerAll();
    expect(await within(list()).findByText("attempt 2")).toBeInTheDocument();
    expect(within(list()).getByText("answered")).toBeInTheDocument();
  });

  it("sends 10,000 full duplex within its window, and accounts for each", async () => {
    const { user, field } = open();
    await user.type(field, "flag");
    await user.click(screen.getByRole("button", { name: "Send 10,000" }));
    expect(sockets.latest().sent).toHaveLength(WINDOW_MESSAGES);
    expect(screen.getByRole("button", { name: "Stop" })).toBeEnabled();
    expect(answerAll()).toBe(10_000);
    expect(sockets.latest().sent.at(-1)).toBe("flag 10000");
    expect(await screen.findByText(/^All answered/)).toBeInTheDocument();
    expect(
      screen.getAllByText((_, element) => element?.textContent === "10,000 sent=10,000 answered").length,
    ).toBeGreaterThan(0);
    expect(field).toHaveValue("flag");
    expect(within(list()).getAllByRole("listitem").length).toBeLessThan(100);
  });

  it("waits while the browser holds too much", async () => {
    const { user } = open();
    sockets.latest().bufferedAmount = 1 << 20;
    await user.click(screen.getByRole("button", { name: "Send 100" }));
    expect(sockets.latest().sent).toHaveLength(0);
  });

  it("stops, and says how many were not sent", async () => {
    const { user } = open();
    await user.click(screen.getByRole("button", { name: "Send 1,000" }));
    await user.click(screen.getByRole("button", { name: "Stop" }));
    expect(answerAll()).toBe(WINDOW_MESSAGES);
    expect(await screen.findByText("Stopped: 744 of 1,000 were not sent.")).toBeInTheDocument();
  });

  it("goes on with a run after a loss, shows which were not answered, and sends those again", async () => {
    const { user } = open();
    await user.click(screen.getByRole("button", { name: "Send 1,000" }));
    act(() => {
      for (const text of sockets.latest().sent.slice(0, 10)) sockets.latest().say(`${text} 7`);
    });
    act(() => sockets.latest().end(1006));
    await user.click(await screen.findByRole("button", { name: "Connect now" }));
    act(() => sockets.latest().accept());
    const answered = answerAll();
    expect(await screen.findByText("256 of 1,000 were not answered.")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Show the next failed" }));
    await waitFor(() => expect(within(list()).getByText("message 11")).toBeInTheDocument());
    await user.click(screen.getByRole("button", { name: "Send 256 again" }));
    answerAll(sockets.latest(), answered);
    expect(await screen.findByText(/^All answered/)).toBeInTheDocument();
  });

  it("copies one, copies all, and clears", async () => {
    const { user, field } = open();
    await user.type(field, "a{Enter}");
    answerAll();
    await user.click(await screen.findByRole("button", { name: "Copy the answer" }));
    expect(await navigator.clipboard.readText()).toBe("a 1");
    await user.click(screen.getByRole("button", { name: "Copy all" }));
    expect(await navigator.clipboard.readText()).toMatch(/ > a\n.* < a 1$/);
    await user.click(screen.getByRole("button", { name: "Clear" }));
    expect(await screen.findByText("Nothing was said yet")).toBeInTheDocument();
  });

  it("shows text as text, whatever it says", async () => {
    const { user, field } = open();
    await user.click(field);
    await user.paste("<img src=x onerror=alert(1)>");
    await user.keyboard("{Enter}");
    answerAll();
    await within(list()).findByText("answered");
    expect(list().querySelector("img")).toBeNull();
    expect(within(list()).getAllByText(/<img src=x/)).toHaveLength(2);
  });
});
