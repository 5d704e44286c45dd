import { afterAll, describe, expect, test, vi } from 'vitest';
import { createEgress } from '../../src/egress/create.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import type { CrucibleError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMemoryDisk, createMemoryStore } from '../../src/log/memory-store.ts';
import { createEmbeddings } from '../../src/memory/embeddings.ts';
import { createSemanticIndex, type SemanticIndex } from '../../src/memory/semantic-index.ts';
import { SEMANTIC_TABLES, VECTOR_TABLE } from '../../src/memory/semantic-rows.ts';
import { MEMORY_TABLES } from '../../src/memory/tables.ts';
import { failing, proper, startEmbeddings, type EmbeddingsRequest } from '../support/embeddings.ts';
import { openMemories } from '../support/memories.ts';

const egress = createEgress({
  policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
  logger: silentLogger,
});
afterAll(() => egress.close());

interface Setting {
  readonly disk?: ReturnType<typeof createMemoryDisk>;
  readonly base: string;
  readonly model?: string;
  readonly dimensions?: number;
}

/** Memories in a log in memory, the index over them, and a service that speaks the protocol behind it. */
const open = async ({ disk = createMemoryDisk(), base, model = 'small', dimensions }: Setting) => {
  const store = createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES, ...SEMANTIC_TABLES], disk });
  const late: { index?: SemanticIndex } = {};
  const memories = await openMemories({
    disk,
    store,
    semantic: { search: async (...asked) => late.index?.search(...asked) },
  });
  const pauses: number[] = [];
  const problems: CrucibleError[] = [];
  /** Pauses end when the test says so. */
  let goOn = (): void => undefined;
  const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve) => {
      pauses.push(ms);
      goOn = resolve;
      signal?.addEventListener('abort', () => resolve());
    });
  const opened = createSemanticIndex({
    log: memories.log,
    embeddings: createEmbeddings({
      egress,
      url: base,
      model,
      key: 'sk-secret',
      dimensions,
      clock: { now: () => 0 },
      random: () => 0.5,
      sleep: async () => undefined,
    }),
    logger: silentLogger,
    sleep,
    random: () => 0,
    report: async (problem) => void problems.push(problem),
  });
  late.index = opened;
  opened.start();
  const search = async (text: string, worlds?: readonly string[], limit = 10) => {
    const answer = await opened.search(text, { worlds, limit });
    if (answer === undefined) throw new Error('There is no index');
    return answer;
  };
  return {
    disk,
    memories,
    pauses,
    problems,
    search,
    goOn: () => goOn(),
    create: async (content: string, world = 'default') =>
      (await memories.in(world, () => memories.service.create({ content }))).id,
    found: async (text: string, worlds?: readonly string[]) =>
      (await search(text, worlds)).matches.map(({ id }) => id),
    /** The blank text is nothing that the service would be asked for. */
    pending: async () => (await search('')).pending,
    async caughtUp(): Promise<void> {
      await vi.waitFor(async () => expect((await search('')).pending).toBe(0), {
        timeout: 10_000,
        interval: 2,
      });
    },
    paused: (times: number) =>
      vi.waitFor(() => expect(pauses.length).toBeGreaterThanOrEqual(times), { interval: 2 }),
    vectorRows: () => memories.rowsOf(VECTOR_TABLE.name),
    async [Symbol.asyncDispose]() {
      await opened.close();
      await memories[Symbol.asyncDispose]();
    },
  };
};

describe('search by meaning', () => {
  test('finds memories that say the same in other words, best first, in the worlds of the caller', async () => {
    await using service = await startEmbeddings();
    await using index = await open({ base: service.base });
    const vehicle = await index.create('The automobile stands in the garage');
    const partly = await index.create(
      'A garage, a house, a garden and a very long sentence about other things',
    );
    await index.create('Sourdough bread');
    const lab = await index.create('A car in the garage of the lab', 'lab');
    await index.caughtUp();
    expect(await index.found('car garage', ['default'])).toEqual([vehicle, partly]);
    expect(await index.found('car garage', ['lab'])).toEqual([lab]);
    expect((await index.search('car garage', undefined, 1)).matches).toHaveLength(1);
    const answer = await index.memories.in('default', () =>
      index.memories.service.query({ semantic: 'car garage', page: 1, limit: 10 }, { visible: ['default'] }),
    );
    expect(answer.semantic_by).toBe('meaning');
    expect(answer.results.map(({ memory }) => memory.id)).toEqual([vehicle, partly]);
    expect(answer.results[0]?.relevance).toBeGreaterThan(answer.results[1]?.relevance ?? 1);
  });

  test('follows changes: an update is embedded again, a removal is never found, the same text costs nothing', async () => {
    await using service = await startEmbeddings();
    await using index = await open({ base: service.base });
    const a = await index.create('apples');
    const b = await index.create('pears');
    await index.caughtUp();
    const requests = service.received.length;
    await index.memories.in('default', () => index.memories.service.tag(a, '#fruit'));
    await index.memories.in('default', () => index.memories.service.update(a, { content: 'cherries' }));
    await index.memories.in('default', () => index.memories.service.remove(b));
    expect(await index.found('pears')).toEqual([]);
    await index.caughtUp();
    expect(await index.found('cherry')).toEqual([a]);
    expect(await index.found('apples')).toEqual([]);
    expect((await index.vectorRows()).map(({ id }) => id)).toEqual([a]);
    const inputs = service
      .asked()
      .slice(requests)
      .flatMap(({ input }) => input);
    expect(inputs.filter((text) => text === 'cherries')).toHaveLength(1);
  });

  test('sends many memories in batches, long ones cut, blank ones not at all', async () => {
    await using service = await startEmbeddings();
    await using index = await open({ base: service.base });
    const contents = Array.from({ length: 150 }, (_, i) => `note number${i}`);
    await Promise.all(contents.map((content) => index.create(content)));
    await index.create('x'.repeat(20_000));
    await index.caughtUp();
    const sizes = service.asked().map(({ input }) => input.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
    const inputs = service.asked().flatMap(({ input }) => input);
    expect(inputs.toSorted()).toEqual([...contents, 'x'.repeat(8_000)].toSorted());
    expect(await index.found('number77')).toHaveLength(1);
  });

  test('goes on after a restart where it was, and makes nothing twice', async () => {
    await using service = await startEmbeddings();
    const disk = createMemoryDisk();
    let first = '';
    {
      await using index = await open({ base: service.base, disk });
      first = await index.create('apples');
      await index.caughtUp();
    }
    let missed = '';
    {
      await using memories = await openMemories({
        store: createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES, ...SEMANTIC_TABLES], disk }),
      });
      const made = await memories.in('default', () => memories.service.create({ content: 'pears' }));
      missed = made.id;
    }
    const before = service.received.length;
    await using index = await open({ base: service.base, disk });
    await index.caughtUp();
    expect(
      service
        .asked()
        .slice(before)
        .map(({ input }) => input),
    ).toEqual([['pears']]);
    expect(await index.found('apples')).toEqual([first]);
    expect(await index.found('pears')).toEqual([missed]);
  });

  test('makes all vectors anew for another model, also of another length', async () => {
    await using service = await startEmbeddings();
    const disk = createMemoryDisk();
    {
      await using index = await open({ base: service.base, disk });
      await index.create('apples');
      await index.create('pears');
      await index.caughtUp();
    }
    service.answerWith(proper(48));
    await using index = await open({ base: service.base, disk, model: 'large' });
    await index.caughtUp();
    expect(await index.found('apples')).toHaveLength(1);
    expect((await index.vectorRows()).map(({ model }) => model)).toEqual(['large', 'large']);
    expect(service.asked().at(-1)).toMatchObject({ model: 'large', input: ['apples'] });
  });

  test('while the service is away nothing is lost, one problem is told, and searches say so', async () => {
    await using service = await startEmbeddings(failing(503, 'down'));
    await using index = await open({ base: service.base });
    const id = await index.create('apples');
    await index.paused(1);
    index.goOn();
    await index.paused(2);
    await index.create('pears');
    index.goOn();
    await index.paused(3);
    expect(index.pauses.slice(0, 3)).toEqual([500, 1_000, 2_000]);
    expect(await index.pending()).toBe(2);
    await expect(index.found('apples')).rejects.toMatchObject({ code: 'embeddings_unavailable' });
    expect(index.problems).toHaveLength(1);
    expect(index.problems[0]?.message).toContain('503: down');
    service.answerWith(proper());
    index.goOn();
    await index.caughtUp();
    expect(await index.found('apples')).toEqual([id]);
    service.answerWith(failing(429, '', { 'retry-after': '30' }));
    await index.create('plums');
    await index.paused(4);
    expect(index.pauses.at(-1)).toBe(30_000);
    await vi.waitFor(() => expect(index.problems).toHaveLength(2));
  });

  test('passes over a text that the service refuses, and not over all because of a wrong model', async () => {
    await using service = await startEmbeddings();
    const picky = (...given: Parameters<ReturnType<typeof proper>>): void => {
      const { input } = JSON.parse(given[0].body) as EmbeddingsRequest;
      const refused = input.some((text) => text.includes('forbidden'));
      (refused ? failing(400, '{"error":"not this text"}') : proper())(...given);
    };
    service.answerWith(picky);
    await using index = await open({ base: service.base });
    const bad = await index.create('a forbidden text');
    await index.caughtUp();
    const [good] = await Promise.all([index.create('apples'), index.create('also forbidden')]);
    await index.caughtUp();
    expect(await index.found('apples')).toEqual([good]);
    expect(await index.pending()).toBe(0);
    await index.memories.in('default', () => index.memories.service.update(bad, { content: 'allowed now' }));
    await index.caughtUp();
    expect(await index.found('allowed')).toEqual([bad]);

    service.answerWith(failing(400, '{"error":"model small does not exist"}'));
    await index.create('pears');
    await index.paused(1);
    expect(await index.pending()).toBe(1);
    expect(index.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('model small does not exist'),
    ]);
  });

  test.each([
    ['another length than before', proper(12), 'vectors of 12 numbers, not of 256'],
    ['garbage', failing(200, 'OK'), 'is not JSON'],
  ])('takes no vectors from an answer that is %s', async (_, answer, message) => {
    await using service = await startEmbeddings();
    await using index = await open({ base: service.base });
    const id = await index.create('apples');
    await index.caughtUp();
    service.answerWith(answer);
    await index.create('pears');
    await index.paused(1);
    await expect(index.found('apples')).rejects.toMatchObject({
      code: 'embeddings_unavailable',
      message: expect.stringContaining(message),
    });
    expect(await index.pending()).toBe(1);
    service.answerWith(proper());
    index.goOn();
    await index.caughtUp();
    expect(await index.found('apples')).toEqual([id]);
  });

  test('closes while the service keeps it waiting, and takes up the work after', async () => {
    await using service = await startEmbeddings(() => undefined);
    const disk = createMemoryDisk();
    let id = '';
    {
      await using index = await open({ base: service.base, disk });
      id = await index.create('apples');
      await vi.waitFor(() => expect(service.received.length).toBeGreaterThan(0));
    }
    service.answerWith(proper());
    await using index = await open({ base: service.base, disk });
    await index.caughtUp();
    expect(await index.found('apples')).toEqual([id]);
  });
});
