import { rename, unlink } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FILES_TABLES, fileNodeId } from '../../src/files/row.ts';
import { createFiles } from '../../src/files/service.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMemoryStore } from '../../src/log/memory-store.ts';
import { MEMORY_TABLES } from '../../src/memory/tables.ts';
import { filesOrigin, vault } from '../support/files.ts';
import { openMemories } from '../support/memories.ts';

/** Watched files with the memories of the product. */
const openVault = async (root: string) => {
  const memories = await openMemories({
    store: createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES, ...FILES_TABLES] }),
  });
  const files = createFiles({
    roots: [{ path: root, world: 'default' }],
    ignore: ['.*'],
    exclude: [],
    records: memories.log.records,
    answered: memories.log.answered,
    writer: memories.writer,
    documents: memories.documents,
    systemOrigin: filesOrigin,
    newId,
    clock: { now: () => Date.now() },
    logger: silentLogger,
    settleMs: 10,
  });
  return {
    memories,
    files,
    scan: () => memories.in('default', () => files.scan({})),
    memoryOf: async (path: string): Promise<string> => {
      const { files: found } = await files.list({ limit: 1_000 });
      return found.find((row) => row.path === path)?.memory_id ?? 'none';
    },
    [Symbol.asyncDispose]: async () => {
      await files.close();
      await memories[Symbol.asyncDispose]();
    },
  };
};

describe('a vault of notes', () => {
  it('is linked as its notes are, also in one batch, and stays so through renames', async () => {
    await using dir = await vault({
      'Attention.md': '# Attention\nSee [[Transformers]] and [[RNN]]. #ai',
      'models/Transformers.md': '---\naliases: [Transformer]\n---\nBuilt on [[attention]].',
    });
    await using open = await openVault(dir.path);
    expect(await open.scan()).toMatchObject({ created: 2, failed: 0 });
    const attention = await open.memoryOf('Attention.md');
    const transformers = await open.memoryOf('models/Transformers.md');
    const stored = (memory: string, path: string): string =>
      `${memory} -stored_in-> ${fileNodeId(dir.path, path)}`;
    expect(await open.memories.edges()).toEqual(
      [
        `${attention} -links_to-> ${transformers}`,
        `${attention} -mentions-> entity:rnn`,
        `${attention} -tagged-> tag:ai`,
        `${transformers} -links_to-> ${attention}`,
        stored(attention, 'Attention.md'),
        stored(transformers, 'models/Transformers.md'),
      ].toSorted(),
    );

    await rename(dir.at('models/Transformers.md'), dir.at('models/Sequence models.md'));
    await dir.put('RNN.md', 'Before [[Sequence Models]].');
    expect(await open.scan()).toMatchObject({ renamed: 1, created: 1, failed: 0 });
    expect(await open.memoryOf('models/Sequence models.md')).toBe(transformers);
    const rnn = await open.memoryOf('RNN.md');
    expect(await open.memories.edges()).toEqual(
      [
        `${attention} -links_to-> ${rnn}`,
        `${attention} -mentions-> entity:transformers`,
        `${attention} -tagged-> tag:ai`,
        `${rnn} -links_to-> ${transformers}`,
        `${transformers} -links_to-> ${attention}`,
        stored(attention, 'Attention.md'),
        stored(rnn, 'RNN.md'),
        stored(transformers, 'models/Sequence models.md'),
      ].toSorted(),
    );
    await expect(open.memories.service.get(transformers, {})).resolves.toMatchObject({
      name: 'Sequence models',
      metadata: { file: { root: dir.path, path: 'models/Sequence models.md' } },
      file: fileNodeId(dir.path, 'models/Sequence models.md'),
    });

    for (const path of ['Attention.md', 'RNN.md', 'models/Sequence models.md']) await unlink(dir.at(path));
    expect(await open.scan()).toMatchObject({ deleted: 3, failed: 0 });
    expect(await open.memories.edges()).toEqual([]);
    expect(await open.memories.nodes()).toEqual([]);
  });

  it('tells of a note with bad front matter, and takes it over', async () => {
    await using dir = await vault({ 'a.md': '---\nx: [\n---\ntext' });
    await using open = await openVault(dir.path);
    expect(await open.scan()).toMatchObject({ created: 1, failed: 0 });
    const detail = await open.memories.service.get(await open.memoryOf('a.md'), {});
    expect(detail.issues).toHaveLength(1);
  });

  it('keeps the memory of a file that changes', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openVault(dir.path);
    await open.scan();
    const id = await open.memoryOf('a.md');
    await dir.put('a.md', 'two');
    expect(await open.scan()).toMatchObject({ modified: 1, failed: 0 });
    await expect(open.memories.service.get(id, {})).resolves.toMatchObject({ content: 'two' });
  });
});
