import { fakeWebSockets } from "@shared/testing";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "./App";

const sockets = fakeWebSockets();

beforeEach(() => {
  window.location.hash = "";
});

describe("the shell", () => {
  it("gives each page a title, marks it in the rail, and moves the focus to it", async () => {
    const user = userEvent.setup();
    render(<App />);
    expect(await screen.findByRole("heading", { level: 1, name: "Overview" })).toBeInTheDocument();
    expect(document.title).toBe("Overview · wigwag");

    await user.click(screen.getByRole("link", { name: "Console" }));
    expect(await screen.findByRole("heading", { level: 1, name: "Console" })).toBeInTheDocument();
    expect(document.title).toBe("Console · wigwag");
    expect(screen.getByRole("link", { name: "Console" })).toHaveAttribute("aria-current", "page");
    expect(screen.getByRole("main")).toHaveFocus();
    expect(window.location.hash).toBe("#/console");
  });

  it("says that an address names no page", async () => {
    window.location.hash = "#/nowhere";
    render(<App />);
    expect(await screen.findByRole("heading", { level: 1, name: "There is no such page" })).toBeInTheDocument();
    expect(document.title).toBe("Not found · wigwag");
  });

  it("leads to a page with a query, which stays with that page", async () => {
    const user = userEvent.setup();
    window.location.hash = "#/console?to=/ws";
    render(<App />);
    await waitFor(() => expect(screen.getByLabelText("Address")).toHaveValue(`ws://${window.location.host}/ws`));
    expect(window.location.hash).toBe("#/console");
    await user.click(screen.getByRole("link", { name: "Overview" }));
    expect(window.location.hash).toBe("#/");
    expect(window.location.search).toBe("");
  });

  it("shows whether the server answers", async () => {
    render(<App />);
    const status = screen.getAllByRole("banner")[0];
    await waitFor(() => expect(status).toHaveTextContent("connecting"));
    sockets.latest("/metrics/live").accept();
    await waitFor(() => expect(status).toHaveTextContent("open"));
    sockets.latest("/metrics/live").end(1001);
    await waitFor(() => expect(status).toHaveTextContent("reconnecting in 1 s"));
  });

  it("says how many of a gateway's upstreams do not answer", async () => {
    const upstream = (name: string, answers: boolean) => ({ url: `ws://${name}.test/`, paths: [`/${name}`], answers });
    let upstreams = [upstream("near", true), upstream("far", false)];
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify({ status: "degraded", upstreams }))));
    render(<App />);
    sockets.latest("/metrics/live").accept();
    const status = screen.getAllByRole("banner")[0];
    await waitFor(() => expect(status).toHaveTextContent("1 of 2 upstreams does not answer"));
    upstreams = [upstream("far", false)];
    await waitFor(() => expect(status).toHaveTextContent(/upstream does not answer/));
  });

  it("changes the colours and remembers the choice", async () => {
    const user = userEvent.setup();
    render(<App />);
    const themeSwitch = screen.getByRole("button", { name: /^Colours/ });
    await user.click(themeSwitch);
    expect(document.documentElement.dataset.theme).toBe("light");
    await user.click(themeSwitch);
    expect(document.documentElement.dataset.theme).toBe("dark");
    expect(localStorage.getItem("wigwag.theme")).toBe("dark");
    await user.click(themeSwitch);
    expect(document.documentElement.dataset.theme).toBeUndefined();
    expect(localStorage.getItem("wigwag.theme")).toBeNull();
  });
});
