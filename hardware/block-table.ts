// A hash table of priced blocks, keyed by what a block is and how it is stored. Plain open addressing: a search asks
// it dozens of times for each of millions of candidates, and a Map with composite keys would take most of that time.
import type { Layer } from '../space/architecture.ts';
import type { LayerDeployment, WeightStorage } from '../space/deployment.ts';

interface Entry<T> {
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly dFf: number;
  readonly attention: WeightStorage;
  readonly feedForward: WeightStorage;
  readonly value: T;
}

const START_SLOTS = 256;
const MAX_ENTRIES = 65_536;

export interface BlockTable<T> {
  get(layer: Layer, stored: LayerDeployment): T | undefined;
  set(layer: Layer, stored: LayerDeployment, value: T): void;
}

function slotOf(
  nHeads: number,
  nKvHeads: number,
  dFf: number,
  attention: WeightStorage,
  feedForward: WeightStorage,
): number {
  let hash = Math.imul(dFf, 0x9e3779b1) ^ Math.imul(nHeads, 0x85ebca6b) ^ Math.imul(nKvHeads, 0xc2b2ae35);
  hash ^= Math.imul(storageHash(attention), 0x27d4eb2f) ^ Math.imul(storageHash(feedForward), 0x165667b1);
  // Widths are multiples of powers of two: bring the high bits down.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return hash ^ (hash >>> 15);
}

function storageHash({ weightFormat, sparsity }: WeightStorage): number {
  return weightFormat.length * 131 + weightFormat.charCodeAt(2) + sparsity * 65_536;
}

function isSame(a: WeightStorage, b: WeightStorage): boolean {
  return a.sparsity === b.sparsity && a.weightFormat === b.weightFormat;
}

function emptySlots<T>(length: number): (Entry<T> | undefined)[] {
  return Array.from({ length }, () => undefined);
}

/** An empty table. It forgets everything when it grows beyond 65,536 blocks. */
export function createBlockTable<T>(): BlockTable<T> {
  let slots = emptySlots<T>(START_SLOTS);
  let size = 0;
  const place = (entry: Entry<T>) => {
    const mask = slots.length - 1;
    let at = slotOf(entry.nHeads, entry.nKvHeads, entry.dFf, entry.attention, entry.feedForward) & mask;
    while (slots[at] !== undefined) at = (at + 1) & mask;
    slots[at] = entry;
  };
  return {
    get(layer, stored) {
      const { nHeads, nKvHeads, dFf } = layer;
      const { attention, feedForward } = stored;
      const mask = slots.length - 1;
      let at = slotOf(nHeads, nKvHeads, dFf, attention, feedForward) & mask;
      for (;;) {
        const entry = slots[at];
        if (entry === undefined) return undefined;
        if (
          entry.dFf === dFf &&
          entry.nHeads === nHeads &&
          entry.nKvHeads === nKvHeads &&
          isSame(entry.attention, attention) &&
          isSame(entry.feedForward, feedForward)
        ) {
          return entry.value;
        }
        at = (at + 1) & mask;
      }
    },
    set({ nHeads, nKvHeads, dFf }, { attention, feedForward }, value) {
      if (size >= MAX_ENTRIES) {
        slots = emptySlots<T>(START_SLOTS);
        size = 0;
      } else if (2 * (size + 1) > slots.length) {
        const old = slots;
        slots = emptySlots<T>(2 * old.length);
        for (const entry of old) if (entry !== undefined) place(entry);
      }
      place({ nHeads, nKvHeads, dFf, attention, feedForward, value });
      size += 1;
    },
  };
}
