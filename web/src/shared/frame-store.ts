import { useSyncExternalStore } from "react";

/** A hidden page gets no animation frames; readers are told so often then. */
const HIDDEN_INTERVAL_MS = 500;

/**
 * What changes more often than it can be drawn. `changed()` is as cheap as a flag; `read` is called, and the readers are
 * told, at most once per animation frame.
 */
export class FrameStore<T> {
  #read: () => T;
  #snapshot: T;
  #listeners = new Set<() => void>();
  #scheduled = false;

  constructor(read: () => T) {
    this.#read = read;
    this.#snapshot = read();
  }

  /** Says that `read` would give something else now. */
  changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const publish = () => {
      this.#scheduled = false;
      this.publish();
    };
    if (globalThis.document?.hidden) setTimeout(publish, HIDDEN_INTERVAL_MS);
    else requestAnimationFrame(publish);
  }

  /** Reads and tells at once: for what a person has just done. */
  publish(): void {
    this.#snapshot = this.#read();
    for (const listener of [...this.#listeners]) listener();
  }

  get = (): T => this.#snapshot;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** The store's present value; renders again at most once per animation frame. */
export function useFrameStore<T>(store: FrameStore<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
