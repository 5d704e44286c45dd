/** A queue that gives the least key first; of equal keys the one that was put in first. */
export interface Heap<T> {
  push(key: number, item: T): void;
  pop(): { readonly key: number; readonly item: T } | undefined;
}

interface Entry<T> {
  readonly key: number;
  readonly order: number;
  readonly item: T;
}

/** A binary heap. */
export const createHeap = <T>(): Heap<T> => {
  const entries: Entry<T>[] = [];
  let order = 0;
  const comesBefore = (a: Entry<T>, b: Entry<T>): boolean =>
    a.key < b.key || (a.key === b.key && a.order < b.order);

  return {
    push(key, item) {
      const entry: Entry<T> = { key, order: (order += 1), item };
      let at = entries.length;
      while (at > 0) {
        const above = (at - 1) >> 1;
        const parent = entries[above];
        if (parent === undefined || !comesBefore(entry, parent)) break;
        entries[at] = parent;
        at = above;
      }
      entries[at] = entry;
    },
    pop() {
      const [first] = entries;
      const last = entries.pop();
      if (first === undefined || last === undefined || entries.length === 0) return first;
      let at = 0;
      for (;;) {
        const left = entries[2 * at + 1];
        const right = entries[2 * at + 2];
        if (left === undefined) break;
        const child = right !== undefined && comesBefore(right, left) ? right : left;
        if (!comesBefore(child, last)) break;
        entries[at] = child;
        at = child === left ? 2 * at + 1 : 2 * at + 2;
      }
      entries[at] = last;
      return first;
    },
  };
};
