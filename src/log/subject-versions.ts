import type { Expectation } from './log.ts';
import type { LogStore } from './store.ts';

/** The version of a subject in a world: the position of its last event, 0 if it has none. */
export interface SubjectVersions {
  read(expectations: readonly Expectation[]): Promise<ReadonlyMap<string, number>>;
  /** Keeps what it remembers true after a commit. */
  committed(
    events: readonly { readonly subject: string | null; readonly world: string; readonly position: number }[],
  ): void;
}

/** One key for a subject in a world. JSON, so that no two pairs share one. */
export const subjectKey = (subject: string, world: string): string => JSON.stringify([world, subject]);

const REMEMBERED = 50_000;
const COMMITS_AT_A_TIME = 8;

/** Remembers the versions that were asked for last; one that it does not know, it finds by the index on subjects. */
export const createSubjectVersions = (store: LogStore): SubjectVersions => {
  /** In the order of use, the least recent first. */
  const known = new Map<string, number>();

  const remember = (key: string, version: number): void => {
    known.delete(key);
    known.set(key, version);
    if (known.size <= REMEMBERED) return;
    const oldest = known.keys().next();
    if (oldest.done !== true) known.delete(oldest.value);
  };

  const find = async (subject: string, world: string): Promise<number> => {
    const firsts = [...(await store.find('subjects', [subject]))];
    while (firsts.length > 0) {
      const commits = await store.commitsAt(firsts.splice(-COMMITS_AT_A_TIME));
      for (const { events } of commits.toReversed()) {
        const last = events.findLast((event) => event.subject === subject && event.world === world);
        if (last !== undefined) return last.position;
      }
    }
    return 0;
  };

  return {
    async read(expectations) {
      const wanted = new Map(expectations.map((e) => [subjectKey(e.subject, e.world), e]));
      const versions = await Promise.all(
        [...wanted].map(async ([key, { subject, world }]): Promise<[string, number]> => {
          const version = known.get(key) ?? (await find(subject, world));
          remember(key, version);
          return [key, version];
        }),
      );
      return new Map(versions);
    },
    committed(events) {
      for (const { subject, world, position } of events) {
        if (subject === null) continue;
        const key = subjectKey(subject, world);
        if (known.has(key)) known.set(key, position);
      }
    },
  };
};
