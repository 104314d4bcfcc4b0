import { afterEach, beforeEach, vi } from "vitest";

/** In a suite: what scrolls has this size and rows this height, so that `VirtualList` draws some. */
export function giveElementsSize(width = 800, height = 600, rowHeight = 40): void {
  beforeEach(() => {
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(width);
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(height);
    vi.spyOn(HTMLElement.prototype, "offsetWidth", "get").mockReturnValue(width);
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(rowHeight);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
}
