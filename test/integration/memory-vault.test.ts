import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { ADMIN_KEY, startServer } from '../../src/http/testing/start-server.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { MEMORY_TABLES, WORK_TABLE } from '../../src/memory/tables.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { openMemories, type OpenMemories } from '../support/memories.ts';
import { restOf, type Rest } from '../support/rest.ts';

const NOTES = 3_000;
/** Notes that lead to hubs as well: one in ten. */
const HUBS = 3;

/** Note `i` links to the one before, to two further on, which come later, and to some hub. */
const linksOf = (i: number): readonly string[] => [
  ...(i === 0 ? [] : [`Note ${i - 1}`]),
  `note  ${(i + 7) % NOTES}`,
  `${(i * 13 + 1) % NOTES}-slug`,
  ...(i % 10 === 0 ? [`Hub ${i % HUBS}`] : []),
  ...(i % 50 === 0 ? [`Nobody ${i % 4}`] : []),
];

const note = (i: number): string =>
  JSON.stringify({
    name: `${i}-slug`,
    content: `---\ntags: [t${i % 20}]\naliases: ["Alias ${i}"]\n---\n# Note ${i}\n\nword${i} ${linksOf(i)
      .map((name) => `[[${name}]]`)
      .join(' and ')} #group/${i % 5}\n\n\`\`\`\n[[Not a link]] #not-a-tag\n\`\`\`\n`,
    metadata: { n: i },
  });

const vault = (): string =>
  [
    ...Array.from({ length: NOTES }, (_, i) => note(i)),
    // Hubs come last: hundreds of links move to each of them.
    ...Array.from({ length: HUBS }, (_, i) => JSON.stringify({ content: `# Hub ${i}` })),
  ].join('\n');

describe('a vault of 3,000 linked notes', () => {
  let dir = '';
  let open: OpenMemories;
  let server: Awaited<ReturnType<typeof startServer>>;
  let rest: Rest;
  let lines: Record<string, unknown>[] = [];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'crucible-vault-'));
    const store = await openSurrealStore({
      url: `rocksdb://${join(dir, 'surreal')}?sync=every`,
      user: undefined,
      pass: undefined,
      namespace: 'test',
      database: 'test',
      holder: 'memory-vault',
      tables: [...GRAPH_TABLES, ...MEMORY_TABLES],
      logger: silentLogger,
    });
    open = await openMemories({ store });
    server = await startServer({ services: { memory: open.service } });
    rest = restOf(server.url, ADMIN_KEY);
    const response = await fetch(`${server.url}/api/v1/memory/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson' },
      body: vault(),
    });
    lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }, 300_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await open[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it('is imported in one call, with progress after each 25', () => {
    const all = NOTES + HUBS;
    expect(lines.at(-1)).toEqual({ type: 'end', done: all, known: 0, failed: 0 });
    const progress = lines.filter(({ type }) => type === 'progress').map(({ done }) => done);
    expect(progress).toEqual(
      Array.from({ length: Math.ceil(all / 25) }, (_, i) => Math.min(all, 25 * (i + 1))),
    );
  });

  it('has every link, both ways, in the rows and in the graph, and none that is not there', async () => {
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
    const cards = await open.rowsOf('memory_card');
    expect(cards).toHaveLength(NOTES + HUBS);
    const idOf = new Map(cards.map(({ id, title }) => [(title as string).toLowerCase(), id]));
    const noteId = (i: number): string => idOf.get(`note ${i}`) ?? `no note ${i}`;
    const wanted = new Set<string>();
    for (let i = 0; i < NOTES; i += 1) {
      const from = noteId(i);
      wanted.add(`${from} -tagged-> tag:t${i % 20}`).add(`${from} -tagged-> tag:group/${i % 5}`);
      if (i > 0) wanted.add(`${from} -links_to-> ${noteId(i - 1)}`);
      for (const to of [(i + 7) % NOTES, (i * 13 + 1) % NOTES])
        if (to !== i) wanted.add(`${from} -links_to-> ${noteId(to)}`);
      if (i % 10 === 0) wanted.add(`${from} -links_to-> ${idOf.get(`hub ${i % HUBS}`)}`);
      if (i % 50 === 0) wanted.add(`${from} -mentions-> entity:nobody-${i % 4}`);
    }
    expect(new Set(await open.edges())).toEqual(wanted);
  });

  it('is found by words, tags and links, and reads both ways', async () => {
    const word = await rest('POST', '/memory/query', { text: 'word1234' });
    expect(word.body.results.map(({ memory }: { memory: { title: string } }) => memory.title)).toEqual([
      'Note 1234',
    ]);
    const { id } = word.body.results[0].memory;
    const detail = (await rest('GET', `/memory/${id}`)).body;
    expect(detail.links.every(({ kind }: { kind: string }) => kind === 'links_to')).toBe(true);
    expect(detail.backlinks.map(({ title }: { title: string }) => title)).toEqual(
      expect.arrayContaining(['Note 1235', 'Note 1227']),
    );
    const linked = await rest('POST', '/memory/query', { linked_to: id, tags: ['#t15'] });
    expect(linked.body.results).toEqual([
      expect.objectContaining({
        memory: expect.objectContaining({ title: 'Note 1235' }),
        match_reason: 'tags, linked_to',
      }),
    ]);
    const tagged = await rest('POST', '/memory/query', { tags: ['#GROUP/3', '#t3'], limit: 100, page: 2 });
    expect([tagged.body.total, tagged.body.results.length]).toEqual([150, 50]);
    const all = await rest('POST', '/memory/query', { limit: 1 });
    expect(all.body.total).toBe(NOTES + HUBS);
  });

  it('moves the links of a hub when it gets another name, and back', async () => {
    const hub = (await rest('POST', '/memory/query', { text: 'Hub 0' })).body.results[0].memory;
    const count = async (end: string): Promise<number> =>
      (await open.edges()).filter((edge) => edge.endsWith(`-> ${end}`)).length;
    const before = await count(hub.id);
    expect(before).toBe(NOTES / 10 / HUBS);
    await rest('PUT', `/memory/${hub.id}`, { content: '# Something else' });
    expect([await count(hub.id), await count('entity:hub-0')]).toEqual([0, before]);
    await rest('PUT', `/memory/${hub.id}`, { content: '# HUB 0' });
    expect([await count(hub.id), await count('entity:hub-0')]).toEqual([before, 0]);
  });
});
