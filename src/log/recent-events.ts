import type { CrucibleEvent } from '../events/envelope.ts';

/** The last committed events in memory, so that readers at the head need not ask the database for each commit. */
export interface RecentEvents {
  /** The events of one commit, and how many bytes they have as JSON. */
  add(events: readonly CrucibleEvent[], bytes: number): void;
  /** Undefined if it is not (any more) kept. */
  at(position: number): CrucibleEvent | undefined;
  withId(id: string): CrucibleEvent | undefined;
  /** Everything after this position, in order; undefined if it reaches back further than what is kept. */
  after(position: number): readonly CrucibleEvent[] | undefined;
  /** Those of these types at `[from, to]`, in order; undefined if `from` reaches back further than what is kept. */
  ofTypes(types: Iterable<string>, from: number, to: number): readonly CrucibleEvent[] | undefined;
  /** The position of the oldest one; undefined if there is none. */
  first(): number | undefined;
}

interface Group {
  readonly first: number;
  readonly events: readonly CrucibleEvent[];
  readonly bytes: number;
}

/** What came first goes first. */
interface Line<T> {
  /** From `start` on; the ones before it have gone. */
  items: (T | undefined)[];
  start: number;
}

const dropFirst = <T>(line: Line<T>): void => {
  line.items[line.start] = undefined;
  line.start += 1;
  if (line.start * 2 <= line.items.length) return;
  line.items = line.items.slice(line.start);
  line.start = 0;
};

/** The index of the first one from `start` on whose place is greater; the places rise. */
const firstBeyond = <T>({ items, start }: Line<T>, place: number, placeOf: (item: T) => number): number => {
  let low = start;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && placeOf(item) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
};

const eventsAfter = ({ first, events }: Group, position: number): readonly CrucibleEvent[] =>
  first > position ? events : events.slice(position + 1 - first);

const positionOf = ({ position }: CrucibleEvent): number => position;
const firstOf = ({ first }: Group): number => first;

/**
 * Keeps the last commits: at least `events` events if they fit into `bytes`, and never more bytes than that. Whole
 * commits come and go, so what is kept is always one piece that ends at the head.
 */
export const createRecentEvents = (limits: {
  readonly events: number;
  readonly bytes: number;
}): RecentEvents => {
  const kept: Line<Group> = { items: [], start: 0 };
  const byId = new Map<string, CrucibleEvent>();
  const byType = new Map<string, Line<CrucibleEvent>>();
  let count = 0;
  let bytes = 0;

  const oldest = (): Group | undefined => kept.items[kept.start];
  const tooMuch = (group: Group): boolean =>
    bytes > limits.bytes || count - group.events.length >= limits.events;

  const index = (event: CrucibleEvent): void => {
    byId.set(event.id, event);
    const line = byType.get(event.type);
    if (line === undefined) byType.set(event.type, { items: [event], start: 0 });
    else line.items.push(event);
  };

  const drop = (group: Group): void => {
    count -= group.events.length;
    bytes -= group.bytes;
    dropFirst(kept);
    for (const { id, type } of group.events) {
      byId.delete(id);
      const line = byType.get(type);
      if (line === undefined) continue;
      dropFirst(line);
      if (line.start === line.items.length) byType.delete(type);
    }
  };

  /** The index of the group that holds this position or, past the end, of the last one; before `start` if none does. */
  const indexOf = (position: number): number => firstBeyond(kept, position, firstOf) - 1;

  return {
    add(events, size) {
      const [first] = events;
      if (first === undefined) return;
      kept.items.push({ first: first.position, events, bytes: size });
      for (const event of events) index(event);
      count += events.length;
      bytes += size;
      for (let group = oldest(); group !== undefined && tooMuch(group); group = oldest()) drop(group);
    },
    at(position) {
      const found = indexOf(position);
      const group = found < kept.start ? undefined : kept.items[found];
      return group?.events[position - group.first];
    },
    withId: (id) => byId.get(id),
    after(position) {
      const start = indexOf(position + 1);
      if (start < kept.start) return undefined;
      return kept.items
        .slice(start)
        .flatMap((group) => (group === undefined ? [] : eventsAfter(group, position)));
    },
    ofTypes(types, from, to) {
      const first = oldest()?.first;
      if (first === undefined || from < first) return undefined;
      const found = [...new Set(types)].flatMap((type) => {
        const line = byType.get(type);
        if (line === undefined) return [];
        const start = firstBeyond(line, from - 1, positionOf);
        return line.items.slice(start, firstBeyond(line, to, positionOf));
      });
      return found.filter((event) => event !== undefined).sort((a, b) => a.position - b.position);
    },
    first: () => oldest()?.first,
  };
};
