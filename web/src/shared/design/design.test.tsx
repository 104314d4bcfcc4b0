import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { giveElementsSize } from "../testing";
import { Equation, Progress, Tabs, TextField, Toggle, VirtualList } from ".";

function spoken(text: string | null | undefined): string {
  return (text ?? "").replaceAll("\u202f", " ");
}

describe("an equation", () => {
  it("says = where the counts match, and ≠ with the difference where they do not", () => {
    const { container, rerender } = render(
      <Equation
        left={{ count: 10_000, word: "sent" }}
        right={[
          { count: 9_990, word: "ok" },
          { count: 10, word: "failed" },
        ]}
      />,
    );
    expect(container.textContent).toBe("10,000 sent=9,990 ok+10 failed");
    rerender(<Equation left={{ count: 10_000, word: "sent" }} right={[{ count: 9_990, word: "ok" }]} />);
    expect(container.textContent).toBe("10,000 sent≠9,990 ok(10 missing)");
  });
});

describe("progress", () => {
  it("tells the time left from the pace so far, and nothing before there is one", () => {
    const { container, rerender } = render(<Progress label="Sent" done={0} total={1000} startedAtMs={0} nowMs={500} />);
    expect(container).toHaveTextContent("time left not known yet");
    rerender(<Progress label="Sent" done={250} total={1000} startedAtMs={0} nowMs={2_000} />);
    expect(spoken(container.textContent)).toBe("Sent: 250 of 1,00025 %, about 6 s left");
    expect(screen.getByRole("progressbar", { name: "Sent" })).toHaveAttribute("value", "250");
  });
});

describe("a field", () => {
  it("is named by its label and described by its error", () => {
    render(<TextField label="Reason" hint="at most 123 bytes" error="too long" />);
    const field = screen.getByLabelText("Reason");
    expect(field).toBeInvalid();
    expect(field).toHaveAccessibleDescription("too long");
  });
});

describe("a toggle", () => {
  it("works by keyboard and by its label", async () => {
    const user = userEvent.setup();
    const onChange = vi.fn();
    render(<Toggle label="Follow" checked={false} onChange={onChange} />);
    await user.tab();
    expect(screen.getByRole("switch", { name: "Follow" })).toHaveFocus();
    await user.keyboard(" ");
    await user.click(screen.getByText("Follow"));
    expect(onChange.mock.calls).toEqual([[true], [true]]);
  });
});

describe("tabs", () => {
  it("change by arrow keys and show one panel", async () => {
    const user = userEvent.setup();
    function Example() {
      const [value, setValue] = useState<"a" | "b">("a");
      return (
        <Tabs
          label="Kind"
          value={value}
          onChange={setValue}
          tabs={[
            { value: "a", label: "Text", content: "the text" },
            { value: "b", label: "Binary", content: "the bytes" },
          ]}
        />
      );
    }
    render(<Example />);
    await user.click(screen.getByRole("tab", { name: "Text" }));
    await user.keyboard("{ArrowRight}");
    expect(screen.getByRole("tab", { name: "Binary" })).toHaveAttribute("aria-selected", "true");
    expect(screen.getByRole("tabpanel")).toHaveTextContent("the bytes");
  });
});

describe("a list of 10,000", () => {
  giveElementsSize();

  it("has only what is seen in the document, and says how long it is", () => {
    const items = Array.from({ length: 10_000 }, (_, index) => `message ${index}`);
    render(
      <VirtualList
        label="Messages"
        items={items}
        keyOf={(_, index) => index}
        render={(item) => item}
        estimatedHeight={30}
      />,
    );
    const rows = screen.getAllByRole("listitem");
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.length).toBeLessThan(100);
    expect(rows[0]).toHaveAttribute("aria-setsize", "10000");
  });

  it("has one row in the tab order; arrow keys lead to the others", async () => {
    const user = userEvent.setup();
    render(
      <VirtualList
        label="Messages"
        items={[1, 2, 3]}
        keyOf={(item) => item}
        render={(item, _, tabIndex) => (
          <button type="button" tabIndex={tabIndex}>
            {item}
          </button>
        )}
        estimatedHeight={40}
      />,
    );
    const button = (name: string) => screen.getByRole("button", { name });
    await user.tab();
    expect(screen.getByRole("region", { name: "Messages" })).toHaveFocus();
    await user.tab();
    expect(button("3")).toHaveFocus();
    await user.keyboard("{ArrowUp}");
    expect(button("2")).toHaveFocus();
    expect(button("2")).toHaveAttribute("tabindex", "0");
    expect(button("3")).toHaveAttribute("tabindex", "-1");
    await user.keyboard("{Home}");
    expect(button("1")).toHaveFocus();
    await user.keyboard("{ArrowUp}");
    expect(button("1")).toHaveFocus();
  });

  it("stays at its end until the reader leaves it, then says how many are new", async () => {
    const user = userEvent.setup();
    const listOf = (first: number, last: number) => (
      <VirtualList
        label="Messages"
        items={Array.from({ length: last - first + 1 }, (_, index) => first + index)}
        keyOf={(item) => item}
        render={(item) => item}
        estimatedHeight={40}
        follow
      />
    );
    const { rerender } = render(listOf(1, 100));
    const region = screen.getByRole("region", { name: "Messages" });
    vi.spyOn(region, "scrollHeight", "get").mockReturnValue(4_000);
    rerender(listOf(1, 200));
    expect(region.scrollTop).toBe(4_000);
    expect(screen.queryByRole("button")).toBeNull();

    region.scrollTop = 1_000;
    fireEvent.scroll(region);
    expect(screen.getByRole("button", { name: "Newest" })).toBeInTheDocument();
    // Fifty came and the first fifty went.
    rerender(listOf(51, 250));
    expect(screen.getByRole("button", { name: "50 new" })).toBeInTheDocument();
    expect(region.scrollTop).toBeLessThan(4_000);
    await user.click(screen.getByRole("button", { name: "50 new" }));
    expect(region.scrollTop).toBe(4_000);
    expect(screen.queryByRole("button")).toBeNull();
  });
});
