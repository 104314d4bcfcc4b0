import { fakeWebSockets } from "@shared/testing";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import RandomPage from ".";
import { numberIn, percentile } from "./asker";

const sockets = fakeWebSockets();

/** Answers everything that was sent and not answered yet, with this number. */
function answerAll(number: number): void {
  const socket = sockets.latest("/random");
  act(() => {
    for (const text of socket.sent.splice(0)) socket.say(`${text} ${number}`);
  });
}

function open(): void {
  act(() => sockets.latest("/random").accept());
}

function plain(element: HTMLElement): string {
  return (element.textContent ?? "").replaceAll("\u202f", " ");
}

describe("the random page", () => {
  it("replaces the last answer by the next one, and counts", async () => {
    const user = userEvent.setup();
    const { container } = render(<RandomPage />);
    open();
    await user.click(screen.getByRole("button", { name: "Ask for a number" }));
    expect(sockets.latest("/random").sent).toEqual(["question 1"]);
    answerAll(42);
    await waitFor(() => expect(container.querySelector("output")).toHaveTextContent("42"));
    expect(screen.getByText("question 1 42")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Ask for a number" }));
    answerAll(7);
    await waitFor(() => expect(container.querySelector("output")).toHaveTextContent(/^7$/));
    expect(plain(container)).toContain("2 asked=2 answered");
  });

  it("asks by Space and Enter, wherever the focus is", async () => {
    const user = userEvent.setup();
    render(<RandomPage />);
    open();
    await user.keyboard(" ");
    await user.keyboard("{Enter}");
    expect(sockets.latest("/random").sent).toHaveLength(2);
    // Focused, the button answers to the keys itself: once each, not twice.
    screen.getByRole("button", { name: "Ask for a number" }).focus();
    await user.keyboard(" ");
    await user.keyboard("{Enter}");
    expect(sockets.latest("/random").sent).toHaveLength(4);
  });

  it("holds what is asked before the connection is open", async () => {
    const user = userEvent.setup();
    const { container } = render(<RandomPage />);
    await user.click(screen.getByRole("button", { name: "Ask for a number" }));
    expect(plain(container)).toContain("1 asked=0 answered+1 waiting");
    open();
    answerAll(5);
    await waitFor(() => expect(plain(container)).toContain("1 asked=1 answered"));
  });

  it("says what was lost with the connection, and asks on after it is back", async () => {
    const user = userEvent.setup();
    const { container } = render(<RandomPage />);
    open();
    await user.click(screen.getByRole("button", { name: "Ask 100 times" }));
    act(() => sockets.latest("/random").end(1006));
    await waitFor(() => expect(plain(container)).toContain("100 asked=0 answered+100 lost with the connection"));
    expect(container).toHaveTextContent("reconnecting in 1 s");
    await user.click(screen.getByRole("button", { name: "Connect now" }));
    open();
    await user.click(screen.getByRole("button", { name: "Ask for a number" }));
    answerAll(9);
    await waitFor(() => expect(plain(container)).toContain("101 asked=1 answered+100 lost"));
  });

  it("counts what is no answer to its question", async () => {
    const user = userEvent.setup();
    const { container } = render(<RandomPage />);
    open();
    await user.click(screen.getByRole("button", { name: "Ask for a number" }));
    answerAll(101);
    await waitFor(() => expect(plain(container)).toContain("Wrong answers1"));
  });
});

describe("an answer", () => {
  it("repeats the question and ends with a whole number from 1 to 100", () => {
    const cases: [string, number | null][] = [
      ["q 1", 1],
      ["q 100", 100],
      ["q 0", null],
      ["q 101", null],
      ["q 07", null],
      ["q 4.5", null],
      ["q  4", null],
      ["p 4", null],
      ["q", null],
    ];
    for (const [answer, expected] of cases) expect(numberIn(answer, "q"), answer).toBe(expected);
  });
});

describe("a percentile", () => {
  it("is the value that the fraction does not exceed", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100]);
    expect(percentile([], 0.5)).toBeNull();
  });
});
