import type { CrucibleEvent } from '../events/envelope.ts';
import type { Expectation } from './log.ts';
import { IDEMPOTENCY_TABLE, type IdempotencyRecord } from './idempotency.ts';
import type { Mutation, Row } from './records.ts';
import type { StoredRows } from './row-overlay.ts';
import type { LogStore } from './store.ts';
import type { SubjectVersions } from './subject-versions.ts';
import type { Queued } from './queue.ts';

/**
 * What a group needs to know of the store before it is judged. Read in bulk between two commits: because one loop
 * writes, nothing can change until the group's own commit.
 */
export interface Prior {
  readonly rows: StoredRows;
  /** By `subjectKey`. */
  readonly versions: ReadonlyMap<string, number>;
  /** Stored events under the ids that clients chose. */
  readonly events: ReadonlyMap<string, CrucibleEvent>;
  /** By record id. */
  readonly keys: ReadonlyMap<string, IdempotencyRecord>;
}

export const readPrior = async (
  store: LogStore,
  versions: SubjectVersions,
  group: readonly Queued[],
): Promise<Prior> => {
  const requests = group.map(({ request }) => request);
  const expectations: Expectation[] = requests.flatMap(({ expect }) => expect ?? []);
  const chosenIds = requests.flatMap((r) => (r.clientIds === true ? r.events.map(({ id }) => id) : []));
  const keys = group.flatMap(({ key }) => (key === undefined ? [] : [key]));
  const [rows, known, events, records] = await Promise.all([
    readTouched(
      store,
      requests.flatMap(({ mutations }) => mutations ?? []),
    ),
    expectations.length === 0 ? new Map<string, number>() : versions.read(expectations),
    readEvents(store, chosenIds),
    keys.length === 0 ? [] : store.getRows(IDEMPOTENCY_TABLE.name, keys),
  ]);
  return {
    rows,
    versions: known,
    events,
    keys: new Map(records.map((record) => [record.id, record as IdempotencyRecord])),
  };
};

const readTouched = async (store: LogStore, mutations: readonly Mutation[]): Promise<StoredRows> => {
  const wanted = new Map<string, Set<string>>();
  for (const mutation of mutations) {
    if (mutation.op === 'insert') continue;
    const id = 'row' in mutation ? mutation.row.id : mutation.id;
    const ids = wanted.get(mutation.table);
    if (ids === undefined) wanted.set(mutation.table, new Set([id]));
    else ids.add(id);
  }
  const read = await Promise.all(
    [...wanted].map(async ([table, ids]): Promise<[string, Map<string, Row>]> => {
      const rows = await store.getRows(table, [...ids]);
      return [table, new Map(rows.map((row) => [row.id, row]))];
    }),
  );
  return new Map(read);
};

const readEvents = async (
  store: LogStore,
  ids: readonly string[],
): Promise<ReadonlyMap<string, CrucibleEvent>> => {
  if (ids.length === 0) return new Map();
  const wanted = new Set(ids);
  const commits = await store.commitsAt(await store.find('ids', [...wanted]));
  return new Map(
    commits.flatMap(({ events }) =>
      events.filter(({ id }) => wanted.has(id)).map((event) => [event.id, event]),
    ),
  );
};
