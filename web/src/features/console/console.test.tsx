import { Toasts } from "@shared/design";
import { LiveProvider } from "@shared/server";
import { aService, aSnapshot, fakeWebSockets, giveElementsSize } from "@shared/testing";
import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import ConsolePage from ".";
import { forgetSession } from "./session";

const sockets = fakeWebSockets();
giveElementsSize();

beforeEach(() => {
  forgetSession();
  sessionStorage.clear();
  localStorage.clear();
});

function open() {
  const user = userEvent.setup();
  const page = render(
    <>
      <ConsolePage />
      <Toasts />
    </>,
  );
  return { user, page };
}

async function connected(protocol = "") {
  const opened = open();
  await opened.user.click(screen.getByRole("button", { name: "Connect" }));
  act(() => sockets.latest().accept(protocol));
  await within(region("Connection")).findByText("open");
  return opened;
}

const region = (name: string) => screen.getByRole("region", { name });
const log = () => region("Log of messages");

describe("connecting", () => {
  it("is offered to this server's services, and remembers other addresses", async () => {
    const { user, page } = open();
    expect(screen.getByLabelText("Address")).toHaveValue(`ws://${location.host}/echo`);
    await user.click(screen.getByRole("button", { name: "/letters" }));
    await user.click(screen.getByRole("button", { name: "Connect" }));
    expect(sockets.latest().url).toBe(`ws://${location.host}/letters`);
    await user.clear(screen.getByLabelText("Address"));
    await user.type(screen.getByLabelText("Address"), "wss://far.test/x{Enter}");
    expect(sockets.latest().url).toBe("wss://far.test/x");
    page.unmount();
    open();
    expect(screen.getByLabelText("Address")).toHaveValue("wss://far.test/x");
    expect(screen.getByRole("group", { name: "Recent addresses" })).toHaveTextContent("wss://far.test/x");
  });

  it("uses a user's name and password, and neither shows nor remembers them", async () => {
    const { user, page } = open();
    await user.clear(screen.getByLabelText("Address"));
    await user.type(screen.getByLabelText("Address"), "wss://me:secret@far.test/x{Enter}");
    expect(sockets.latest().url).toBe("wss://me:secret@far.test/x");
    expect(await within(log()).findByText("Connecting to wss://far.test/x.")).toBeInTheDocument();
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("secret");
    page.unmount();
    localStorage.setItem("wigwag.console.recent", '["wss://me:secret@near.test/x"]');
    open();
    expect(document.body).not.toHaveTextContent("secret");
    expect(screen.queryByDisplayValue(/secret/)).toBeNull();
    expect(screen.getByRole("group", { name: "Recent addresses" })).toHaveTextContent("wss://near.test/x");
  });

  it("says why it stays closed although it is to reconnect", async () => {
    await connected();
    act(() => sockets.latest().end(1009, "message too big: the limit is 16 bytes"));
    const said =
      "1009, message too big: the limit is 16 bytes. It stays closed: the same messages would meet the same end.";
    expect(await within(region("Connection")).findByText(said)).toBeInTheDocument();
  });

  it("offers the services that the server names, and takes the path to which a link leads", async () => {
    const memory = memoryLocation({ path: "/console?to=/ws" });
    render(
      <LiveProvider>
        <Router hook={memory.hook} searchHook={memory.searchHook}>
          <ConsolePage />
        </Router>
      </LiveProvider>,
    );
    expect(screen.getByLabelText("Address")).toHaveValue(`ws://${location.host}/ws`);
    act(() => {
      sockets.latest("/metrics/live").accept();
      sockets.latest("/metrics/live").say(aSnapshot(3, { services: [aService("outgoing"), aService("ws")] }));
    });
    const here = screen.getByRole("group", { name: "Services of this server" });
    await waitFor(() => expect(here).toHaveTextContent(/^Services of this serverHere\/ws$/));
  });

  it("offers the subprotocols, and says which was chosen", async () => {
    const { user } = open();
    await user.type(screen.getByLabelText("Subprotocols"), "v1, v2{Enter}");
    expect(sockets.latest().protocols).toEqual(["v1", "v2"]);
    act(() => sockets.latest().accept("v2"));
    expect(await within(log()).findByText("Open, subprotocol v2.")).toBeInTheDocument();
  });

  it("does not try a wrong address, says what to do, and offers what was meant", async () => {
    const { user } = open();
    const address = screen.getByLabelText("Address");
    await user.clear(address);
    await user.type(address, "localhost:9/x{Enter}");
    expect(sockets.all()).toHaveLength(0);
    expect(address).toBeInvalid();
    expect(address).toHaveAccessibleDescription("It must begin with ws:// or wss:// (encrypted).");
    await user.click(screen.getByRole("button", { name: "Use ws://localhost:9/x" }));
    expect(address).toHaveValue("ws://localhost:9/x");
    expect(address).toBeValid();
  });

  it("says what failed and that it tries again; the toggle ends that", async () => {
    const { user } = await connected();
    act(() => sockets.latest().end(1012, "restart"));
    await within(region("Connection")).findByText(/^reconnecting in/);
    expect(await within(log()).findByText(/^Attempt 2 in 1 s: closed with 1012/)).toBeInTheDocument();
    expect(screen.getByRole("button", { name: "Connect now" })).toBeInTheDocument();
    await user.click(screen.getByRole("switch", { name: "Reconnect by itself" }));
    expect(await within(region("Connection")).findByText("not connected")).toBeInTheDocument();
  });

  it("closes with a code and a reason that a page may use", async () => {
    const { user } = await connected();
    const code = screen.getByLabelText("Close code");
    await user.clear(code);
    await user.type(code, "1001");
    await user.click(screen.getByRole("button", { name: "Close" }));
    expect(sockets.latest().closedWith).toBeNull();
    expect(screen.getByRole("alert")).toHaveTextContent("A browser may close with 1000 or 3000–4999 only.");
    await user.clear(code);
    await user.type(code, "4001");
    await user.type(screen.getByLabelText("Reason"), "enough{Enter}");
    expect(sockets.latest().closedWith).toEqual({ code: 4001, reason: "enough" });
    act(() => sockets.latest().end(4001, "enough"));
    expect(await within(log()).findByText(/^Closed by this page: 4001/)).toBeInTheDocument();
    expect(sockets.all()).toHaveLength(1);
  });

  it("ends when the page is left; log and fields are there again", async () => {
    const { user, page } = await connected();
    await user.type(screen.getByLabelText("Text to send"), "draft");
    page.unmount();
    expect(sockets.latest().closedWith).not.toBeNull();
    open();
    expect(await within(log()).findByText("Closed: the page was left.")).toBeInTheDocument();
    expect(screen.getByLabelText("Text to send")).toHaveValue("draft");
  });
});

describe("sending", () => {
  it("sends text by Enter, and shows it beside the answer", async () => {
    const { user } = await connected();
    await user.type(screen.getByLabelText("Text to send"), "ahoy{Enter}");
    expect(sockets.latest().sent).toEqual(["ahoy"]);
    act(() => sockets.latest().say("ahoy"));
    expect(await screen.findByRole("button", { name: /received text 4.B ahoy/ })).toBeInTheDocument();
    expect(screen.getByRole("button", { name: /sent text 4.B ahoy/ })).toBeInTheDocument();
  });

  it("keeps what cannot be sent", async () => {
    const { user } = open();
    await user.type(screen.getByLabelText("Text to send"), "ahoy{Enter}");
    expect(screen.getByLabelText("Text to send")).toHaveValue("ahoy");
    expect(screen.getByRole("button", { name: "Send" })).toHaveAttribute("aria-disabled", "true");
    expect(screen.getByText("Not connected: what you write stays here.")).toBeInTheDocument();
  });

  it("checks JSON while it is typed, leads to the error, and makes it pretty", async () => {
    const { user } = await connected();
    await user.click(screen.getByRole("tab", { name: "JSON" }));
    const area = screen.getByLabelText<HTMLTextAreaElement>("JSON to send");
    await user.click(area);
    await user.paste('{"a":1,\n}');
    expect(area).toHaveAccessibleDescription("Line 2, column 1: a key in double quotes is missing here, not “}”.");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(sockets.latest().sent).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Go to the error" }));
    expect([area.selectionStart, area.selectionEnd]).toEqual([8, 9]);
    await user.clear(area);
    await user.paste('{"a":12345678901234567890}');
    await user.click(screen.getByRole("button", { name: "Pretty" }));
    expect(area).toHaveValue('{\n  "a": 12345678901234567890\n}');
    await user.click(area);
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(sockets.latest().sent).toEqual(['{\n  "a": 12345678901234567890\n}']);
  });

  it("sends bytes typed as hex, or a file's, chosen or dropped", async () => {
    const { user } = await connected();
    await user.click(screen.getByRole("tab", { name: "Binary" }));
    const area = screen.getByLabelText("Bytes to send, as hex");
    await user.type(area, "de ad b");
    expect(area).toHaveAccessibleDescription("Character 7: a byte has two digits.");
    await user.type(area, "e{Enter}");
    expect(sockets.latest().sent).toEqual([Uint8Array.of(0xde, 0xad, 0xbe)]);
    await user.upload(screen.getByLabelText("File to send"), new File([Uint8Array.of(1, 2)], "two.bin"));
    expect(screen.getByText("two.bin")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Send" }));
    await waitFor(() => expect(sockets.latest().sent.at(-1)).toEqual(Uint8Array.of(1, 2)));
    await user.click(screen.getByRole("button", { name: "Do not send two.bin" }));
    fireEvent.drop(screen.getByLabelText("Bytes to send, as hex"), {
      dataTransfer: { files: [new File([Uint8Array.of(3)], "one.bin")] },
    });
    expect(screen.getByText("one.bin")).toBeInTheDocument();
  });

  it("measures a round trip where the service echoes", async () => {
    const { user } = await connected();
    const measure = screen.getByRole("button", { name: "Measure round trip" });
    await user.click(measure);
    const [token] = sockets.latest().sent;
    expect(token).toMatch(/^ping [0-9a-f]{8}$/);
    expect(measure).toHaveAttribute("aria-disabled", "true");
    act(() => sockets.latest().say(`${token} 42`));
    expect(await within(log()).findByText(/^Round trip: /)).toBeInTheDocument();
    expect(measure).not.toHaveAttribute("aria-disabled");
  });
});

describe("the log", () => {
  it("opens a message by keyboard: JSON in lines, bytes as a dump; arrow keys lead to the next", async () => {
    const { user } = await connected();
    act(() => {
      sockets.latest().say({ A: [1] });
      sockets.latest().say(Uint8Array.from([72, 105, 0]).buffer);
    });
    const json = await screen.findByRole("button", { name: /received JSON/ });
    act(() => json.focus());
    await user.keyboard("{Enter}");
    expect(json).toHaveAttribute("aria-expanded", "true");
    expect(log().querySelector("pre")).toHaveTextContent('{ "A": [ 1 ] }');
    await user.keyboard("{ArrowDown}");
    const binary = screen.getByRole("button", { name: /received binary/ });
    expect(binary).toHaveFocus();
    await user.keyboard("{Enter}");
    expect(within(log()).getByText("Hi·")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Copy as hex" }));
    expect(await navigator.clipboard.readText()).toBe("48 69 00");
  });

  it("filters, and says when nothing matches", async () => {
    const { user } = await connected();
    act(() => {
      sockets.latest().say("port");
      sockets.latest().say({ side: "starboard" });
    });
    await screen.findByRole("button", { name: /received text/ });
    await user.selectOptions(screen.getByLabelText("Type"), "JSON");
    expect(within(log()).getAllByRole("listitem")).toHaveLength(1);
    await user.type(screen.getByLabelText("Filter by text"), "port");
    expect(screen.getByText("Nothing matches the filter")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Show all" }));
    expect(within(log()).getAllByRole("listitem")).toHaveLength(4);
  });

  it("pauses, says how many wait, and clears", async () => {
    const { user } = await connected();
    await user.click(screen.getByRole("button", { name: "Pause" }));
    act(() => {
      for (let index = 0; index < 1_000; index += 1) sockets.latest().say("x");
    });
    expect(await screen.findByText("Paused: 1,000 waiting.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: /received/ })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Resume" }));
    expect((await screen.findAllByRole("button", { name: /received/ })).length).toBeGreaterThan(5);
    await user.click(screen.getByRole("button", { name: "Clear" }));
    expect(screen.getByText("Nothing has passed yet")).toBeInTheDocument();
  });

  it("is exported as a file of NDJSON, what the filter shows", async () => {
    const { user } = await connected();
    act(() => sockets.latest().say("ahoy"));
    await screen.findByRole("button", { name: /received text/ });
    await user.selectOptions(screen.getByLabelText("Direction"), "in");
    const blobs: Blob[] = [];
    vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
      blobs.push(blob as Blob);
      return "blob:none";
    });
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    await user.click(screen.getByRole("button", { name: "Export" }));
    expect(clicked).toHaveBeenCalledOnce();
    const lines = (await blobs[0]?.text())?.trimEnd().split("\n") ?? [];
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { direction: "in", type: "text", bytes: 4, data: "ahoy" },
    ]);
  });

  it("shows text as text, whatever it says", async () => {
    await connected();
    act(() => sockets.latest().say("<img src=x onerror=alert(1)>"));
    expect(await screen.findByRole("button", { name: /<img src=x/ })).toBeInTheDocument();
    expect(log().querySelector("img")).toBeNull();
  });
});
