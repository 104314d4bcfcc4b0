import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Histogram, Sparkline } from ".";

describe("a histogram", () => {
  it("says in words what it draws", () => {
    const counts = [0, 2, 5, 5];
    render(<Histogram label="Answers" counts={counts} first={1} latest={3} ticks={[1, 4]} />);
    expect(screen.getByRole("img")).toHaveAccessibleName(
      "Answers: 12 in all; most often 3, 4, 5 times each; 1 of 4 values not seen yet",
    );
  });

  it("draws each bar in proportion, and marks the latest", () => {
    const { container } = render(<Histogram label="Answers" counts={[0, 2, 4]} first={1} latest={2} ticks={[]} />);
    const bars = [...container.querySelectorAll("rect")];
    expect(bars.map((bar) => Number(bar.getAttribute("height")))).toEqual([0, 50, 100]);
    expect(bars[1]).toHaveClass("latest");
  });

  it("says that nothing was counted", () => {
    render(<Histogram label="Answers" counts={[0, 0]} first={1} ticks={[]} />);
    expect(screen.getByRole("img")).toHaveAccessibleName("Answers: nothing counted yet");
  });
});

describe("a sparkline", () => {
  it("ends at the right edge and leaves gaps", () => {
    const { container } = render(<Sparkline values={[0, 10, null, 5]} capacity={5} range={[0, 10]} />);
    expect(container.querySelector("path")).toHaveAttribute("d", "M25.00 23.00L50.00 1.00M100.00 12.00");
  });
});
