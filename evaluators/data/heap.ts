// A binary heap: the next value in O(log n).

export interface Heap<T> {
  push(value: T): void;
  /** The value that comes before all others, removed; `undefined` where there is none. */
  pop(): T | undefined;
}

/** `before` must be a strict order; values that it calls equal come out in no particular order. */
export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];
  return {
    push(value) {
      let at = items.length;
      items.push(value);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(value, items[parent]!)) break;
        items[at] = items[parent]!;
        at = parent;
      }
      items[at] = value;
    },
    pop() {
      const top = items[0];
      const value = items.pop();
      if (value === undefined || items.length === 0) return top;
      let at = 0;
      for (let child = 1; child < items.length; child = 2 * at + 1) {
        if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
        if (!before(items[child]!, value)) break;
        items[at] = items[child]!;
        at = child;
      }
      items[at] = value;
      return top;
    },
  };
}
