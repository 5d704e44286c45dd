/** How often memories ask the database: each query costs as much as reading ten rows, so more of them are a regression. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SurrealSession } from 'surrealdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { withRecentRows } from '../../src/log/recent-rows.ts';
import type { Log } from '../../src/log/log.ts';
import { createRecords } from '../../src/log/store-records.ts';
import { createQuery } from '../../src/memory/query.ts';
import { createReader } from '../../src/memory/reader.ts';
import { MEMORY_TABLES } from '../../src/memory/tables.ts';
import { connect } from '../../src/surreal/engine.ts';
import { createSurrealStore } from '../../src/surreal/surreal-store.ts';
import { openMemories, type OpenMemories } from '../support/memories.ts';

const tables = [...GRAPH_TABLES, ...MEMORY_TABLES];

interface Counts {
  reads: number;
  commits: number;
}

describe('memories on the embedded database', () => {
  const counts: Counts = { reads: 0, commits: 0 };
  let directory: string;
  let memories: OpenMemories;
  /** Reads that remember nothing, as after a start. */
  let log: Pick<Log, 'records' | 'settled'>;

  const counted = (db: SurrealSession): SurrealSession =>
    new Proxy(db, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...given: readonly unknown[]): unknown => {
          if (name === 'query') counts[String(given[0]).startsWith('BEGIN') ? 'commits' : 'reads'] += 1;
          return Reflect.apply(member, target, given) as unknown;
        };
      },
    });
  const asked = async <T>(work: () => Promise<T>): Promise<Counts & { readonly answer: T }> => {
    const before = { ...counts };
    const answer = await memories.in('default', work);
    return { reads: counts.reads - before.reads, commits: counts.commits - before.commits, answer };
  };
  const create = (name: string, text = '') =>
    asked(() =>
      memories.service.create({ name, content: `# Note ${name}\n${text} see [[first]] #topic-${name} #all` }),
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'crucible-statements-'));
    const connection = await connect({
      url: `rocksdb://${directory}`,
      user: undefined,
      pass: undefined,
      namespace: 'test',
      database: 'test',
    });
    const inner = await createSurrealStore(
      { ...connection, db: counted(connection.db) },
      { tables, holder: 'test', logger },
    );
    const store = withRecentRows(inner, tables);
    memories = await openMemories({ store });
    await memories.in('default', () => memories.service.create({ name: 'first', content: '# First' }));
    log = { records: createRecords(inner), settled: () => Promise.resolve() };
  });
  afterAll(async () => {
    await memories[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  test('are made with one read, one commit, and one read for the answer; with two where a tag or an entity is new', async () => {
    await create('warm');
    expect(await create('one', '#more #tags [[one]] [[nobody]]')).toMatchObject({ reads: 3, commits: 1 });
    const content = '# Two\n#topic-warm [[first]] and [[warm]]';
    expect(await asked(() => memories.service.create({ content }))).toMatchObject({ reads: 2, commits: 1 });
  });

  test('are tagged with one read, one commit, and one read for the answer', async () => {
    const { answer } = await create('tagged');
    expect(await asked(() => memories.service.tag(answer.id, '#mark'))).toMatchObject({
      reads: 2,
      commits: 1,
    });
  });

  test('are read with one read where they were made or read before, and with three otherwise', async () => {
    const { answer } = await create('read');
    await create('referrer', '[[read]]');
    const { id } = answer;
    const warm = await asked(() => memories.service.get(id));
    expect(warm.reads).toBe(1);
    const detail = await asked(() => createReader(log).detail(id));
    expect(detail).toMatchObject({ reads: 3, answer: warm.answer });
  });

  test('are found by a tag with one read, and with three where nothing is remembered', async () => {
    for (const name of ['x', 'y', 'z']) await create(name, '#found');
    const query = { tags: ['#found'], limit: 10, page: 1 };
    await memories.service.query(query);
    const warm = await asked(() => memories.service.query(query));
    expect(warm.reads).toBe(1);
    expect(warm.answer.total).toBe(3);
    const worlds = { all: () => Promise.resolve(['default']) };
    const semantic = { search: () => Promise.resolve(undefined) };
    const find = createQuery({ log, reader: createReader(log), semantic, worlds });
    expect(await asked(() => find(query, undefined))).toMatchObject({ reads: 3, answer: warm.answer });
  });
});
