// What happened, newest last, in bounded memory: when a bound is reached the oldest go, and it is counted how many.

export interface LogBounds<T> {
  entriesMax: number;
  /** Of what `weigh` gives. */
  bytesMax: number;
  /** An entry's weight in bytes; must not change while the entry is kept. */
  weigh: (entry: T) => number;
}

/** Ids are counted up from 1: stable, and in the order of arrival. */
export interface Logged {
  readonly id: number;
}

/** Dropping frees so much of each bound at once, so that it is rare. */
const SLACK = 1 / 64;

export class BoundedLog<T extends Logged> {
  #bounds: LogBounds<T>;
  #kept: T[] = [];
  #bytes = 0;
  #total = 0;
  #dropped = 0;
  #snapshot: readonly T[] | null = null;

  constructor(bounds: LogBounds<T>) {
    this.#bounds = bounds;
  }

  /** Adds what `make` gives for the next id. */
  add<E extends T>(make: (id: number) => E): E {
    this.#total += 1;
    const entry = make(this.#total);
    this.#kept.push(entry);
    this.#bytes += this.#bounds.weigh(entry);
    this.#snapshot = null;
    const { entriesMax, bytesMax } = this.#bounds;
    if (this.#kept.length > entriesMax || this.#bytes > bytesMax) this.#drop();
    return entry;
  }

  clear(): void {
    this.#kept = [];
    this.#bytes = 0;
    this.#dropped = 0;
    this.#snapshot = null;
  }

  /** The kept entries; the same array until one comes or goes. */
  get entries(): readonly T[] {
    this.#snapshot ??= this.#kept.slice();
    return this.#snapshot;
  }

  get size(): number {
    return this.#kept.length;
  }

  /** The id of the oldest kept entry; one above the last id if there is none. */
  get firstId(): number {
    return this.#kept[0]?.id ?? this.#total + 1;
  }

  /** How many were ever added: also the last id. */
  get total(): number {
    return this.#total;
  }

  /** How many gave way to newer ones since the last `clear`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The newest always stays, however heavy. */
  #drop(): void {
    const { entriesMax, bytesMax, weigh } = this.#bounds;
    const entriesAim = Math.ceil(entriesMax * (1 - SLACK));
    const bytesAim = bytesMax * (1 - SLACK);
    let count = 0;
    for (const entry of this.#kept) {
      const left = this.#kept.length - count;
      if (left === 1 || (left <= entriesAim && this.#bytes <= bytesAim)) break;
      this.#bytes -= weigh(entry);
      count += 1;
    }
    this.#kept.splice(0, count);
    this.#dropped += count;
  }
}
