/*
 * What search costs: writing documents with full text against the same rows without; searching 5,000 of them for rare and
 * common words; and the nearest of 5,000 vectors of 768 numbers in this process against the database's own index (HNSW).
 * `node bench/search.ts`; results in `bench/results/search.json`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordId } from 'surrealdb';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger as logger } from '../src/kernel/logger.ts';
import type { Records, Row, TableDefinition } from '../src/log/records.ts';
import { createRecords } from '../src/log/store-records.ts';
import { createVectors } from '../src/memory/semantic-vectors.ts';
import { connect, type Connection } from '../src/surreal/engine.ts';
import { createSurrealStore } from '../src/surreal/surreal-store.ts';
import { compare, report } from './support/compare.ts';
import { createRandom } from './support/random.ts';

const DOCUMENTS = 5_000;
const WORDS = 150;
const VOCABULARY = 6_000;
const DOCUMENTS_A_COMMIT = 25;
const WRITTEN_A_ROUND = 250;
const SEARCHES_A_ROUND = 20;
const DIMENSIONS = 768;
const NEAREST_A_ROUND = 20;

const SEARCHED: TableDefinition = {
  name: 'searched',
  indexes: [],
  search: { name: 'searched_text', field: 'text', within: 'world' },
};
const PLAIN: TableDefinition = { name: 'plain', indexes: [] };

const random = createRandom();

/** A few words are everywhere, most are rare, as in a language. */
const document = (id: string): Row => ({
  id,
  world: 'default',
  text: Array.from({ length: WORDS }, () => `word${Math.floor(VOCABULARY * random() ** 3)}x`).join(' '),
});

const openStore = async (connection: Connection) => {
  const store = await createSurrealStore(connection, { tables: [SEARCHED, PLAIN], holder: 'bench', logger });
  const { epoch } = await store.acquire();
  let made = 0;
  return {
    records: createRecords(store),
    /** @returns ms a document */
    async write(table: string, count: number): Promise<number> {
      const rows = Array.from({ length: count }, () => {
        made += 1;
        return document(`d${made}`);
      });
      const start = performance.now();
      for (let at = 0; at < count; at += DOCUMENTS_A_COMMIT) {
        const insert = rows.slice(at, at + DOCUMENTS_A_COMMIT);
        const writes = [{ table, insert, update: [], remove: [] }];
        await store.commit({ id: newId('cmt'), epoch, commit: undefined, writes });
      }
      return (performance.now() - start) / count;
    },
  };
};

const searchFor = (records: Records, text: string) => async (): Promise<number> => {
  const start = performance.now();
  for (let i = 0; i < SEARCHES_A_ROUND; i += 1)
    await records.search({ table: SEARCHED.name, text, within: ['default'], limit: 20 });
  return (performance.now() - start) / SEARCHES_A_ROUND;
};

const hits = async (records: Records, text: string): Promise<number> =>
  (await records.search({ table: SEARCHED.name, text, within: ['default'], limit: 10_000 })).length;

const randomVector = (): Float32Array => Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);

const compareVectors = async ({ db }: Connection) => {
  const all = Array.from({ length: DOCUMENTS }, randomVector);
  const vectors = createVectors();
  for (const [i, vector] of all.entries()) vectors.put(`m${i}`, 'default', vector);
  await db.query(
    `DEFINE TABLE near SCHEMALESS; DEFINE INDEX near_v ON near FIELDS v HNSW DIMENSION ${DIMENSIONS} DIST COSINE TYPE F32`,
  );
  for (let at = 0; at < DOCUMENTS; at += DOCUMENTS_A_COMMIT) {
    const rows = all.slice(at, at + DOCUMENTS_A_COMMIT);
    await db.query('INSERT INTO near $rows RETURN NONE', {
      rows: rows.map((vector, i) => ({ id: new RecordId('near', at + i), v: Array.from(vector) })),
    });
  }
  const each = (ask: (vector: Float32Array) => unknown) => async (): Promise<number> => {
    const asked = Array.from({ length: NEAREST_A_ROUND }, randomVector);
    const start = performance.now();
    for (const vector of asked) await ask(vector);
    return (performance.now() - start) / NEAREST_A_ROUND;
  };
  return compare({
    figure: `the 10 nearest of ${DOCUMENTS} vectors of ${DIMENSIONS} numbers`,
    unit: 'ms',
    contenders: [
      {
        name: 'all of them, in this process',
        round: each((vector) => vectors.nearest(vector, { worlds: ['default'], limit: 10 })),
      },
      {
        name: 'HNSW in the database',
        round: each((vector) =>
          db.query('SELECT VALUE id FROM near WHERE v <|10,40|> $q', { q: Array.from(vector) }),
        ),
      },
    ],
  });
};

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
try {
  const connection = await connect({
    url: `rocksdb://${join(dataDir, 'db')}`,
    user: undefined,
    pass: undefined,
    namespace: 'bench',
    database: 'bench',
  });
  const store = await openStore(connection);
  const writing = await compare({
    figure: `a document of ${WORDS} words`,
    unit: 'ms',
    contenders: [
      { name: 'with full text', round: () => store.write(SEARCHED.name, WRITTEN_A_ROUND) },
      { name: 'without', round: () => store.write(PLAIN.name, WRITTEN_A_ROUND) },
    ],
  });
  const written = 6 * WRITTEN_A_ROUND;
  await store.write(SEARCHED.name, DOCUMENTS - written);
  const asked = ['word5900x', 'word600x', 'word20x', 'word0x', 'word0x word20x word600x'];
  const searching = await compare({
    figure: `a search among ${DOCUMENTS} documents, by how many it finds`,
    unit: 'ms',
    contenders: await Promise.all(
      asked.map(async (text) => ({
        name: `${text}: ${await hits(store.records, text)}`,
        round: searchFor(store.records, text),
      })),
    ),
  });
  const nearest = await compareVectors(connection);
  const ofAll = nearest.medians['all of them, in this process'] ?? Number.NaN;
  report('search', {
    settings: {
      documents: DOCUMENTS,
      words_a_document: WORDS,
      documents_a_commit: DOCUMENTS_A_COMMIT,
      dimensions: DIMENSIONS,
      storage: 'rocksdb, sync=every',
    },
    comparisons: [writing, searching, nearest],
    targets: [
      {
        target: `the nearest of ${DOCUMENTS} vectors of ${DIMENSIONS} numbers < 50 ms`,
        value: ofAll,
        met: ofAll < 50,
      },
    ],
    packages: ['surrealdb', '@surrealdb/node'],
  });
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(0);
