// Numbers distinct byte strings in the order in which they were first seen, without making JavaScript strings.

export interface WordTable {
  /** The number of the word `text[start, end)`; a new word gets the next number. */
  intern(text: Uint8Array, start: number, end: number): number;
  /** The bytes of a word, as a view. */
  word(id: number): Uint8Array;
  size(): number;
}

/** An open-addressing hash table over a growing pool of bytes. */
export function createWordTable(): WordTable {
  let pool = new Uint8Array(1 << 16);
  let starts = new Float64Array(1 << 10);
  let hashes = new Int32Array(1 << 10);
  let slots = new Int32Array(1 << 12).fill(-1);
  let size = 0;

  const matches = (id: number, text: Uint8Array, start: number, end: number) => {
    const at = starts[id]!;
    if (starts[id + 1]! - at !== end - start) return false;
    for (let i = start, j = at; i < end; i++, j++) if (pool[j] !== text[i]) return false;
    return true;
  };
  const growSlots = () => {
    slots = new Int32Array(slots.length * 2).fill(-1);
    for (let id = 0; id < size; id++) {
      let slot = hashes[id]! & (slots.length - 1);
      while (slots[slot] !== -1) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = id;
    }
  };
  const append = (text: Uint8Array, start: number, end: number, hash: number) => {
    const at = starts[size]!;
    const next = at + end - start;
    if (next > pool.length) pool = copyInto(new Uint8Array(Math.max(pool.length * 2, next)), pool);
    if (size + 2 > starts.length) {
      starts = copyInto(new Float64Array(starts.length * 2), starts);
      hashes = copyInto(new Int32Array(hashes.length * 2), hashes);
    }
    for (let i = start, j = at; i < end; i++, j++) pool[j] = text[i]!;
    hashes[size] = hash;
    starts[++size] = next;
  };

  return {
    intern(text, start, end) {
      const hash = hashBytes(text, start, end);
      const mask = slots.length - 1;
      let slot = hash & mask;
      for (let id = slots[slot]!; id !== -1; id = slots[slot]!) {
        if (hashes[id] === hash && matches(id, text, start, end)) return id;
        slot = (slot + 1) & mask;
      }
      slots[slot] = size;
      append(text, start, end, hash);
      if (size * 2 > slots.length) growSlots();
      return size - 1;
    },
    word: (id) => pool.subarray(starts[id]!, starts[id + 1]!),
    size: () => size,
  };
}

/** FNV-1a with a final mix, because the low bits index the table. */
function hashBytes(text: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text[i]!, 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function copyInto<T extends Uint8Array | Float64Array | Int32Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
