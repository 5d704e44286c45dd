import { describe, expect, test } from 'vitest';
import { newId } from '../../../src/kernel/ids.ts';
import { silentLogger } from '../../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../../src/log/create-log.ts';
import { indexStatement } from '../../../src/surreal/index-read.ts';
import { textStatement } from '../../../src/surreal/text-read.ts';
import { sampleEvent } from '../../support/sample-events.ts';
import { TABLES } from './harness.ts';
import { failure } from '../../../src/kernel/testing/failure.ts';
import type { SurrealHarness } from './surreal-harness.ts';

/** What rests on how SurrealDB plans and reads, beyond the contract. */
export const describeSurreal = (harness: SurrealHarness): void => {
  describe(`the adapter on ${harness.name}`, () => {
    test('reads rows and terms from their indexes, with the LIMIT at the scan and without a sort', async () => {
      const { session, store: openStore } = await harness.sessionDatabase();
      const store = await openStore();
      const { epoch } = await store.acquire();
      const insert = Array.from({ length: 3_000 }, (_, i) => ({
        id: `t${i}`,
        group: `g${i % 3}`,
        state: 'open',
        size: i,
      }));
      await store.commit({
        id: newId('cmt'),
        epoch,
        commit: undefined,
        writes: [{ table: 'thing', insert, update: [], remove: [] }],
      });
      const [thing] = TABLES;
      if (thing === undefined) throw new Error('There is no table');
      for (const { index, equals } of [
        { index: 'thing_size', equals: [] },
        { index: 'thing_group_size', equals: ['g1'] },
        { index: 'thing_group_state_size', equals: ['g1', 'open'] },
      ]) {
        const read = { table: 'thing', index, equals, after: 1_000, limit: 5 };
        const statement = indexStatement(thing, read)?.('');
        const [plan] = await session.query<[unknown]>(`EXPLAIN ${statement?.text}`, statement?.bindings);
        const shown = String(plan);
        expect(shown).toMatch(new RegExp(`IndexScan.*${index}`));
        expect(shown).toMatch(/direction: Forward, limit: /);
        expect(shown).not.toMatch(/TableScan|Sort|Filter/);
        expect((await store.readIndex(read)).map(({ size }) => size)).toHaveLength(5);
      }
      const [plan] = await session.query<[unknown]>(
        'EXPLAIN SELECT VALUE first FROM commit WHERE types CONTAINS $term',
        {
          term: 'custom.a@0',
        },
      );
      expect(JSON.stringify(plan)).toMatch(/IndexScan.*commit_types/);
    });

    test('full text is read from its index, and its LIMIT counts only what is in the worlds asked for', async () => {
      const { session, store: openStore } = await harness.sessionDatabase();
      const store = await openStore();
      const { epoch } = await store.acquire();
      const insert = Array.from({ length: 300 }, (_, i) => ({
        id: `n${i}`,
        text: 'topic',
        world: i < 290 ? 'main' : 'lab',
      }));
      await store.commit({
        id: newId('cmt'),
        epoch,
        commit: undefined,
        writes: [{ table: 'note', insert, update: [], remove: [] }],
      });
      const { text, bindings } = textStatement({ table: 'note', words: ['topic'], within: ['lab'] });
      const [plan] = await session.query<[unknown]>(`EXPLAIN ${text}`, bindings);
      expect(String(plan)).toMatch(/FullTextScan.*note_text/);
      expect(String(plan)).not.toMatch(/TableScan|Sort/);
      const [found] = await session.query<[unknown[]]>(text, { ...bindings, limit: 7 });
      expect(found).toHaveLength(7);
    });

    test('people can read the events in SurrealQL', async () => {
      const { session, store } = await harness.sessionDatabase();
      const log = await createLog({
        store: await store(),
        reactor: idleReactor,
        clock: { now: () => 0 },
        logger: silentLogger,
      });
      await log.append({ events: [sampleEvent({ type: 'custom.a' }), sampleEvent({ type: 'custom.b' })] });
      await log.append({ events: [sampleEvent({ type: 'custom.c' })] });
      const [types] = await session.query<[string[]]>('RETURN fn::events(1, 10).type');
      expect(types).toEqual(['custom.a', 'custom.b', 'custom.c']);
    });

    test('what cannot be encoded is refused by itself: it was never sent, so its outcome is known', async () => {
      const { store } = await harness.sessionDatabase();
      const fatal: unknown[] = [];
      const log = await createLog({
        store: await store(),
        reactor: idleReactor,
        clock: { now: () => 0 },
        logger: silentLogger,
        onFatal: (error) => fatal.push(error),
      });
      const insert = (id: string, value: unknown) =>
        log.append({
          events: [sampleEvent()],
          mutations: [{ op: 'insert', table: 'plain', row: { id, value } as never }],
        });
      const [bad, good] = await Promise.allSettled([insert('bad', 10n), insert('good', 10)]);
      expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
      expect(good.status).toBe('fulfilled');
      expect(fatal).toEqual([]);
      expect(log.head()).toBe(1);
    });

    test('the head record of a version without followers names no place to reach its writer', async () => {
      const { session, store: openStore } = await harness.sessionDatabase();
      const store = await openStore();
      const { epoch } = await store.acquire('http://one.internal:7000');
      await session.query('UPDATE log_head:main UNSET url');
      expect(await store.leader()).toMatchObject({ epoch, url: null });
    });

    test('a database of a newer version is refused, and one from before the first release', async () => {
      const { session, store } = await harness.sessionDatabase();
      await store();
      await session.query('UPDATE log_schema:main SET version = 99');
      expect((await failure(store())).code).toBe('store_too_new');
      await session.query('UPDATE log_schema:main SET version = 1');
      expect((await failure(store())).code).toBe('config_invalid');
    });
  });
};
