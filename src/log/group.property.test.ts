import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor } from './create-log.ts';
import type { AppendRequest, ExpectedVersion, Log } from './log.ts';
import { createMemoryDisk, createMemoryStore } from './memory-store.ts';
import type { Mutation, Row } from './records.ts';

/*
 * The loop groups, reads in bulk, overlays and caches; the model does none of it: it takes one request after the other
 * and looks at everything. Whatever is asked, and however it falls into groups, both must answer the same.
 */

const SUBJECTS = ['a', 'b', 'c'];
const ROWS = ['r1', 'r2', 'r3'];
const IDS = Array.from({ length: 8 }, (_, i) => `evt_chosen_${i}`);

interface Ask {
  readonly subjects: readonly (string | null)[];
  readonly chosen: readonly number[] | undefined;
  readonly expect: readonly { readonly subject: string; readonly version: ExpectedVersion | 'last' }[];
  readonly mutations: readonly Mutation[];
  readonly key: { readonly key: string; readonly hash: string } | undefined;
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc
    .record({
      op: fc.constantFrom('create' as const, 'put' as const),
      id: fc.constantFrom(...ROWS),
      n: fc.nat({ max: 3 }),
    })
    .map(({ op, id, n }): Mutation => ({ op, table: 'thing', row: { id, n } })),
  fc
    .record({ id: fc.constantFrom(...ROWS), when: fc.nat({ max: 3 }), set: fc.nat({ max: 3 }) })
    .map(({ id, when, set }): Mutation => ({
      op: 'patch',
      table: 'thing',
      id,
      when: { n: [when, set] },
      set: { n: set },
    })),
  fc
    .record({ id: fc.constantFrom(...ROWS), n: fc.nat({ max: 3 }) })
    .map(({ id, n }): Mutation => ({ op: 'check', table: 'thing', id, when: { n: [n, n + 1] } })),
  fc.constantFrom(...ROWS).map((id): Mutation => ({ op: 'remove', table: 'thing', id })),
);

const ask: fc.Arbitrary<Ask> = fc.record({
  subjects: fc.array(fc.option(fc.constantFrom(...SUBJECTS), { nil: null }), { maxLength: 3 }),
  chosen: fc.option(fc.uniqueArray(fc.nat({ max: IDS.length - 1 }), { minLength: 3, maxLength: 3 }), {
    nil: undefined,
    freq: 3,
  }),
  expect: fc.array(
    fc.record({
      subject: fc.constantFrom(...SUBJECTS),
      version: fc.constantFrom<ExpectedVersion | 'last'>('any', 'no_stream', 'exists', 'last', 'last', 1, 5),
    }),
    { maxLength: 1 },
  ),
  mutations: fc.array(mutation, { maxLength: 2 }),
  key: fc.option(
    fc.record({ key: fc.constantFrom('k1', 'k2', 'k3', 'k4'), hash: fc.constantFrom('h1', 'h2') }),
    {
      nil: undefined,
      freq: 2,
    },
  ),
});

/** What the model knows: all of it, plainly. */
const createModel = () => {
  const events: { readonly id: string; readonly subject: string | null }[] = [];
  const rows = new Map<string, Row>();
  const keys = new Map<string, { readonly hash: string; readonly positions: readonly number[] }>();
  const versionOf = (subject: string): number =>
    events.findLastIndex((event) => event.subject === subject) + 1;

  const apply = (request: AppendRequest): string | readonly number[] => {
    const known = request.idempotency === undefined ? undefined : keys.get(request.idempotency.key);
    if (known !== undefined)
      return known.hash === request.idempotency?.hash ? known.positions : 'idempotency_key_reused';
    const stored = request.events.map(({ id }) => events.findIndex((event) => event.id === id) + 1);
    const repeat = stored.length > 0 && stored.every((position) => position > 0);
    const after = new Map(rows);
    if (!repeat) {
      for (const { subject, version } of request.expect ?? []) {
        const is = versionOf(subject);
        if (
          version === 'no_stream'
            ? is > 0
            : version === 'exists'
              ? is === 0
              : version !== 'any' && version !== is
        ) {
          return 'expectation_failed';
        }
      }
      for (const change of request.mutations ?? []) {
        const error = mutate(after, change);
        if (error !== undefined) return error;
      }
      for (const [id, row] of after) rows.set(id, row);
      for (const id of rows.keys()) if (!after.has(id)) rows.delete(id);
    }
    const positions = request.events.map((event, i) => {
      const at = stored[i] ?? 0;
      return at > 0 ? at : events.push({ id: event.id, subject: event.subject });
    });
    if (request.idempotency !== undefined) {
      keys.set(request.idempotency.key, { hash: request.idempotency.hash, positions });
    }
    return positions;
  };
  return { apply, events, rows, versionOf };
};

const mutate = (rows: Map<string, Row>, change: Mutation): string | undefined => {
  switch (change.op) {
    case 'insert':
    case 'create':
      if (rows.has(change.row.id)) return 'already_exists';
      rows.set(change.row.id, change.row);
      return undefined;
    case 'put':
      rows.set(change.row.id, change.row);
      return undefined;
    case 'patch': {
      const row = rows.get(change.id);
      const wanted = change.when?.['n'];
      if (row === undefined || !Array.isArray(wanted) || !wanted.includes(row['n'])) return 'conflict';
      rows.set(change.id, { ...row, ...change.set });
      return undefined;
    }
    case 'check': {
      const wanted = change.when['n'];
      const n = rows.get(change.id)?.['n'];
      return n === undefined || !Array.isArray(wanted) || !wanted.includes(n) ? 'conflict' : undefined;
    }
    case 'remove':
      return rows.delete(change.id) ? undefined : 'not_found';
  }
};

const toRequest = (asked: Ask, versionOf: (subject: string) => number): AppendRequest => ({
  events: asked.subjects.map((subject, i) => {
    const chosen = asked.chosen?.[i];
    const id = chosen === undefined ? undefined : IDS[chosen];
    return sampleEvent({ subject, ...(id === undefined ? {} : { id }) });
  }),
  expect: asked.expect.map(({ subject, version }) => ({
    subject,
    world: 'default',
    version: version === 'last' ? versionOf(subject) : version,
  })),
  mutations: asked.mutations,
  ...(asked.key === undefined ? {} : { idempotency: { scope: 's', ...asked.key } }),
  ...(asked.chosen === undefined ? {} : { clientIds: true }),
});

const answerOf = async (
  work: Promise<Awaited<ReturnType<Log['append']>>>,
): Promise<string | readonly number[]> => {
  try {
    return (await work).events.map(({ position }) => position);
  } catch (error) {
    if (isCrucibleError(error)) return error.code;
    throw error;
  }
};

/** The requests in the order given; one whose key is still under way in its group waits for the next one. */
const intoGroups = (requests: readonly AppendRequest[], sizes: readonly number[]): AppendRequest[][] => {
  const groups: AppendRequest[][] = [[]];
  let size = 0;
  for (const request of requests) {
    const group = groups.at(-1) ?? [];
    const limit = sizes[size % sizes.length] ?? 1;
    const clash = group.some(
      ({ idempotency }) => idempotency !== undefined && idempotency.key === request.idempotency?.key,
    );
    if (group.length < limit && !clash) group.push(request);
    else {
      groups.push([request]);
      size += 1;
    }
  }
  return groups;
};

describe('the append loop and a plain model', () => {
  test('answer the same, however requests fall into groups, and across restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(ask, { minLength: 1, maxLength: 25 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (asked, sizes, restart) => {
          const model = createModel();
          const disk = createMemoryDisk();
          const open = (): Promise<Log> =>
            createLog({
              store: createMemoryStore({ tables: [{ name: 'thing', indexes: [] }], disk }),
              reactor: idleReactor,
              clock: { now: () => 1_000 },
              logger: silentLogger,
            });
          let log = await open();
          const wanted: (string | readonly number[])[] = [];
          const requests = asked.map((one) => {
            const request = toRequest(one, model.versionOf);
            wanted.push(model.apply(request));
            return request;
          });
          const answers: (string | readonly number[])[] = [];
          for (const group of intoGroups(requests, sizes)) {
            answers.push(...(await Promise.all(group.map((request) => answerOf(log.append(request))))));
            if (restart) {
              await log.close();
              log = await open();
            }
          }
          expect(answers).toEqual(wanted);
          expect(log.head()).toBe(model.events.length);
          const { data } = await log.query({ limit: 1_000 });
          expect(data.map(({ id, subject }) => ({ id, subject }))).toEqual(model.events);
          const rows = await log.records.list('thing', { limit: 100 });
          expect(rows).toEqual([...model.rows.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)));
          await log.close();
        },
      ),
      { numRuns: 400 },
    );
  });
});
