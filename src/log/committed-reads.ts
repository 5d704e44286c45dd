import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { CommitHead, ReadStore, TermKind } from './store.ts';

/**
 * Events as readers may see them: none beyond the acknowledged head (the database shows a commit before it is synced),
 * and each brought to the newest version of its type.
 */
export interface CommittedReads {
  head(): number;
  firstAvailable(): number;
  /** Events at `[from, to]`, in order. */
  range(from: number, to: number): Promise<readonly CrucibleEvent[]>;
  /** Where the commits begin that have any of these terms, ascending. */
  find(kind: TermKind, terms: readonly string[]): Promise<readonly number[]>;
  /** The events of the commits that begin there, in order. */
  commitsAt(firsts: readonly number[]): Promise<readonly CrucibleEvent[]>;
  byId(id: string): Promise<CrucibleEvent | undefined>;
  at(position: number): Promise<CrucibleEvent | undefined>;
  /** In the order of `positions`; missing ones are left out. */
  many(positions: readonly number[]): Promise<readonly CrucibleEvent[]>;
  /** The commit that holds this position. */
  commitOf(position: number): Promise<CommitHead | undefined>;
  /** @throws CrucibleError `position_expired` when the event after this position is not kept any more */
  checkAvailable(after: number): void;
}

export const createCommittedReads = (
  store: ReadStore,
  bounds: { readonly head: () => number; readonly firstAvailable: () => number },
  upcast: (event: CrucibleEvent) => CrucibleEvent,
): CommittedReads => {
  const { head, firstAvailable } = bounds;

  const range = async (from: number, to: number): Promise<readonly CrucibleEvent[]> => {
    const last = Math.min(to, head());
    if (last < from) return [];
    const commits = await store.scan(from, last);
    return commits
      .flatMap(({ events }) => events.filter(({ position }) => position >= from && position <= last))
      .map(upcast);
  };
  const commitOf = async (position: number): Promise<CommitHead | undefined> => {
    if (position < 1 || position > head()) return undefined;
    return (await store.heads(position, position))[0];
  };
  const commitsAt = async (firsts: readonly number[]): Promise<readonly CrucibleEvent[]> => {
    const last = head();
    const commits = firsts.length === 0 ? [] : await store.commitsAt(firsts);
    return commits.flatMap(({ events }) => events.filter(({ position }) => position <= last)).map(upcast);
  };
  const at = async (position: number): Promise<CrucibleEvent | undefined> => {
    const commit = await commitOf(position);
    if (commit === undefined) return undefined;
    return (await commitsAt([commit.first])).find((event) => event.position === position);
  };

  return {
    head,
    firstAvailable,
    range,
    commitsAt,
    commitOf,
    at,
    async find(kind, terms) {
      const last = head();
      return (await store.find(kind, terms)).filter((first) => first <= last);
    },
    async byId(id) {
      return (await commitsAt(await store.find('ids', [id]))).find((event) => event.id === id);
    },
    async many(positions) {
      const found = new Map<number, CrucibleEvent>();
      for (const position of positions) {
        if (found.has(position)) continue;
        const commit = await commitOf(position);
        if (commit === undefined) continue;
        for (const event of await commitsAt([commit.first])) found.set(event.position, event);
      }
      return positions.flatMap((position) => found.get(position) ?? []);
    },
    checkAvailable(after) {
      if (after + 1 >= firstAvailable()) return;
      throw new CrucibleError(
        'position_expired',
        `Position ${after + 1} has been removed by retention; the first one kept is ${firstAvailable()}`,
        { hint: `Start again after ${firstAvailable() - 1}, or read the archive.` },
      );
    },
  };
};
