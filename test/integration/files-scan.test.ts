import { mkdir, rename, rm, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createMemoryDisk } from '../../src/log/memory-store.ts';
import { openFiles, textOf, vault, type OpenFiles } from '../support/files.ts';

const NONE = {
  created: 0,
  modified: 0,
  deleted: 0,
  renamed: 0,
  directories: 0,
  unchanged: 0,
  failed: 0,
  away: [],
};

/** What the graph calls the files that are in it. */
const fileLabels = async ({ log }: OpenFiles): Promise<readonly string[]> => {
  const rows = await log.records.list('graph_node', { limit: 1_000 });
  return rows.flatMap((row) => (row['kind'] === 'file' ? [textOf(row['label'])] : [])).toSorted();
};

describe('a scan', () => {
  it('takes over what is there, once', async () => {
    await using dir = await vault({ 'a.md': '# A', 'deep/er/b.markdown': 'B', 'deep/c.txt': 'C' });
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toEqual({ ...NONE, created: 3, directories: 2 });
    expect(await open.told('file.*')).toEqual([
      'directory_created deep',
      'directory_created deep/er',
      'created a.md',
      'created deep/c.txt',
      'created deep/er/b.markdown',
      'processed a.md ok',
      'processed deep/er/b.markdown ok',
    ]);
    const notes = await open.notes();
    expect(Object.keys(notes)).toEqual(['a', 'b']);
    expect(notes['b']).toMatchObject({
      content: 'B',
      metadata: { file: { root: dir.path, path: 'deep/er/b.markdown' } },
    });
    const [created] = await open.events('file.created');
    expect(created).toMatchObject({
      actor: 'system:files',
      subject: expect.stringMatching(/^file:[0-9a-f]{16}$/),
      payload: {
        root: dir.path,
        size: 3,
        mime_type: 'text/markdown',
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    const head = open.log.head();
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 3 });
    expect(open.log.head()).toBe(head);
  });

  it('keeps memories through edits and renames, and removes them with their files', async () => {
    await using dir = await vault({ 'a.md': 'one', 'b.md': 'two', 'c.md': 'three', 'in/d.md': 'four' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    const before = Object.fromEntries((await open.rows()).map((row) => [row.path, row]));
    await writeFile(dir.at('a.md'), 'one, revised');
    await mkdir(dir.at('new'));
    await rename(dir.at('b.md'), dir.at('new/renamed.md'));
    await unlink(dir.at('c.md'));
    await rename(dir.at('in'), dir.at('out'));
    const from = open.log.head();
    expect(await open.scan()).toEqual({ ...NONE, modified: 1, renamed: 2, deleted: 1, directories: 3 });
    expect((await open.told('file.*')).slice(-9)).toEqual([
      'directory_created out',
      'modified a.md',
      'renamed b.md > new/renamed.md',
      'renamed in/d.md > out/d.md',
      'deleted c.md',
      'directory_deleted in',
      'processed a.md ok',
      'processed new/renamed.md ok',
      'processed out/d.md ok',
    ]);
    const after = Object.fromEntries((await open.rows()).map((row) => [row.path, row]));
    expect(after['a.md']?.memory_id).toBe(before['a.md']?.memory_id);
    expect(after['new/renamed.md']?.memory_id).toBe(before['b.md']?.memory_id);
    expect(after['out/d.md']?.memory_id).toBe(before['in/d.md']?.memory_id);
    expect(await open.notes()).toMatchObject({
      a: { content: 'one, revised' },
      renamed: { metadata: { file: { path: 'new/renamed.md' } } },
      d: { metadata: { file: { path: 'out/d.md' } } },
    });
    expect(Object.keys(await open.notes())).toHaveLength(3);
    const deleted = await open.events('memory.deleted');
    expect(deleted.map(({ payload }) => payload['id'])).toEqual([before['c.md']?.memory_id]);
    // The graph has the files that hold memories, each with its edge, and no other.
    const edges = (await open.events('graph.*')).filter(({ position }) => position > from);
    expect(edges.map(({ type }) => type).toSorted()).toEqual([
      ...Array.from({ length: 2 }, () => 'graph.edge_created'),
      ...Array.from({ length: 3 }, () => 'graph.edge_removed'),
      ...Array.from({ length: 2 }, () => 'graph.node_added'),
      ...Array.from({ length: 4 }, () => 'graph.node_removed'),
    ]);
    const labels = await fileLabels(open);
    expect(labels).toEqual(['a.md', 'new/renamed.md', 'out/d.md']);
  });

  it('writes the rows, the events and the memory of a file in one commit', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openFiles([dir.path]);
    const commits: string[][] = [];
    open.log.onCommit(({ events }) => void commits.push(events.map(({ type }) => type)));
    await open.scan();
    expect(commits[0]).toEqual([
      'file.created',
      'memory.created',
      'file.processed',
      'graph.node_added',
      'graph.node_added',
      'graph.edge_created',
    ]);
  });

  it('takes over a file that became Markdown, and forgets the memory of one that is none any more', async () => {
    await using dir = await vault({ 'a.txt': 'note', 'b.md': 'other' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await rename(dir.at('a.txt'), dir.at('a.md'));
    await rename(dir.at('b.md'), dir.at('b.txt'));
    expect(await open.scan()).toEqual({ ...NONE, renamed: 2 });
    expect(Object.keys(await open.notes())).toEqual(['a']);
    expect(
      (await open.rows()).map(({ path, memory_id, node }) => [path, memory_id !== null, node !== null]),
    ).toEqual([
      ['a.md', true, true],
      ['b.txt', false, false],
    ]);
  });

  it('says nothing of a file that was only touched', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    const head = open.log.head();
    await utimes(dir.at('a.md'), 1, 1);
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 1 });
    await utimes(dir.at('a.md'), -62_167_219_200 - 86_400 * 400, 1);
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 1 });
    expect(open.log.head()).toBe(head);
  });

  it('notices an edit that leaves size and time of change as they were', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await utimes(dir.at('a.md'), 1_000, 1_000);
    await using open = await openFiles([dir.path]);
    await open.scan();
    await writeFile(dir.at('a.md'), 'two');
    await utimes(dir.at('a.md'), 1_000, 1_000);
    expect(await open.scan()).toMatchObject({ modified: 1 });
  });

  it('looks at a part of the tree only, where a path is given', async () => {
    await using dir = await vault({ 'a/x.md': '1', 'a/b/y.md': '2', 'a/c/z.md': '3', 'ab.md': '4' });
    await using open = await openFiles([dir.path]);
    expect(await open.scan({ path: 'a/b' })).toEqual({ ...NONE, created: 1, directories: 2 });
    expect(await open.scan({ path: 'a/' })).toEqual({
      ...NONE,
      created: 2,
      directories: 1,
      unchanged: 1,
    });
    expect(await open.scan({ path: './ab.md' })).toEqual({ ...NONE, created: 1 });
    await rm(dir.at('a'), { recursive: true });
    // The nearest directory that is there is looked at: what is gone is gone as a whole.
    expect(await open.scan({ path: 'a/b/y.md' })).toEqual({ ...NONE, deleted: 3, directories: 3 });
  });

  it('finds a file that was moved from where it does not look', async () => {
    await using dir = await vault({ 'a/x.md': 'one', 'b/y.md': 'two' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await rename(dir.at('a/x.md'), dir.at('b/x.md'));
    expect(await open.scan({ path: 'b' })).toEqual({ ...NONE, renamed: 1, unchanged: 1 });
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 2 });
  });

  it('finds where a file was moved to from where it looks, and takes over nothing else from there', async () => {
    await using dir = await vault({ 'a/x.md': 'one', 'a/gone.md': 'two', 'b/y.md': 'three' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    const { x } = await open.notes();
    await mkdir(dir.at('c/d'), { recursive: true });
    await rename(dir.at('a/x.md'), dir.at('c/d/z.md'));
    await rm(dir.at('a/gone.md'));
    await writeFile(dir.at('b/new.md'), 'six');
    // A watch may hear that the old place is empty before it hears of the new one.
    expect(await open.scan({ path: 'a' })).toEqual({ ...NONE, renamed: 1, deleted: 1, directories: 2 });
    expect((await open.notes())['z']).toMatchObject({ memory: x?.['memory'] });
    expect(await open.scan()).toEqual({ ...NONE, created: 1, unchanged: 2 });
  });

  it.each([
    ['a directory that is not watched', { root: '/etc' }, 'forbidden'],
    ['the parent', { path: '..' }, 'invalid'],
    ['a way round to the parent', { path: 'a/../../b' }, 'invalid'],
    ['an absolute path', { path: '/etc/passwd' }, 'invalid'],
    ['a NUL', { path: 'a\0b' }, 'invalid'],
    ['half a surrogate pair', { path: '\ud800' }, 'invalid'],
    ['a path of another system', { path: String.raw`..\a` }, 'invalid'],
  ])('refuses %s', async (_, request, code) => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openFiles([dir.path]);
    await expect(open.scan(request)).rejects.toMatchObject({ code });
    expect(open.log.head()).toBe(0);
  });

  it('keeps worlds and roots apart', async () => {
    await using one = await vault({ 'a.md': 'one' });
    await using two = await vault({ 'a.md': 'one', 'b.md': 'two' });
    await using open = await openFiles([one.path, { path: two.path, world: 'lab' }]);
    expect(await open.scan()).toEqual({ ...NONE, created: 3 });
    const events = await open.events('file.created', 'memory.created');
    expect(events.map(({ world }) => world).toSorted()).toEqual([
      'default',
      'default',
      'lab',
      'lab',
      'lab',
      'lab',
    ]);
    const paths = async (query: object) =>
      (await open.files.list({ limit: 10, ...query })).files.map(({ world, path }) => `${world} ${path}`);
    expect(await paths({})).toEqual(['default a.md', 'lab a.md', 'lab b.md']);
    expect(await paths({ visible: ['lab'] })).toEqual(['lab a.md', 'lab b.md']);
    expect(await paths({ root: one.path })).toEqual(['default a.md']);
    await expect(paths({ root: one.path, visible: ['lab'] })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(open.files.list({ limit: 10, cursor: 'f1.x' })).rejects.toMatchObject({
      code: 'bad_cursor',
    });
    await expect(open.scan({ path: 'a.md' })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('lists by prefix, page by page', async () => {
    const names = ['n', 'n-1', 'n/1', 'n/2', 'n/3', 'na', 'z'].map((name) => (name === 'n' ? 'n.md' : name));
    await using dir = await vault(Object.fromEntries(names.map((name) => [name, name])));
    await using other = await vault({ 'n/9': 'x' });
    await using open = await openFiles([dir.path, other.path]);
    await open.scan();
    const all = async (query: { readonly prefix?: string }) => {
      const found: string[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await open.files.list({
          limit: 2,
          ...query,
          ...(cursor === undefined ? {} : { cursor }),
        });
        expect(page.files.length).toBeLessThanOrEqual(2);
        found.push(...page.files.map(({ path }) => path));
        if (page.next_cursor === null) return found;
        cursor = page.next_cursor;
      }
    };
    expect(await all({})).toEqual(['n-1', 'n.md', 'n/1', 'n/2', 'n/3', 'na', 'z', 'n/9']);
    expect(await all({ prefix: 'n/' })).toEqual(['n/1', 'n/2', 'n/3', 'n/9']);
    expect(await all({ prefix: 'na' })).toEqual(['na']);
    expect(await all({ prefix: 'q' })).toEqual([]);
  });

  it('goes on at a restart with what was not there before', async () => {
    await using dir = await vault({ 'a.md': 'one', 'b.md': 'two' });
    const disk = createMemoryDisk();
    {
      await using open = await openFiles([dir.path], { disk });
      await open.scan();
    }
    await rename(dir.at('a.md'), dir.at('c.md'));
    await dir.put('d.md', 'new');
    await using again = await openFiles([dir.path], { disk });
    expect(await again.scan()).toEqual({ ...NONE, renamed: 1, created: 1, unchanged: 1 });
  });
});

describe('a file that cannot be a memory', () => {
  it.each([
    ['that is not UTF-8', new Uint8Array([0x23, 0xff, 0xfe]), 'not_utf8'],
    ['in UTF-16', new Uint8Array([0xff, 0xfe, 0x41, 0]), 'not_utf8'],
    ['with a NUL', 'a\0b', 'not_utf8'],
    ['over 1 MiB', 'x'.repeat(1024 * 1024 + 1), 'too_large'],
    ['that the memories refuse', 'refuse me', 'invalid'],
  ])('%s: is told once, then left alone until it changes', async (_, content, code) => {
    await using dir = await vault({ 'a.md': content, 'b.md': 'good', 'c.md': 'good too' });
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toEqual({ ...NONE, created: 3, failed: 1 });
    expect((await open.told('file.*')).toSorted()).toEqual([
      'created a.md',
      'created b.md',
      'created c.md',
      `processed a.md ${code}`,
      'processed b.md ok',
      'processed c.md ok',
    ]);
    expect((await open.rows())[0]).toMatchObject({ path: 'a.md', memory_id: null, error: { code } });
    const head = open.log.head();
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 3 });
    expect(open.log.head()).toBe(head);
    await dir.put('a.md', 'good at last');
    expect(await open.scan()).toEqual({ ...NONE, modified: 1, unchanged: 2 });
    expect(Object.keys(await open.notes()).toSorted()).toEqual(['a', 'b', 'c']);
    expect((await open.rows())[0]).toMatchObject({ error: null });
  });

  it('keeps the memory of its last good content, through a rename too, until it goes', async () => {
    await using dir = await vault({ 'a.md': 'good' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await dir.put('a.md', new Uint8Array([0xff]));
    expect(await open.scan()).toEqual({ ...NONE, modified: 1, failed: 1 });
    await rename(dir.at('a.md'), dir.at('b.md'));
    expect(await open.scan()).toEqual({ ...NONE, renamed: 1, failed: 1 });
    expect(await open.notes()).toMatchObject({ a: { content: 'good' } });
    await dir.put('b.md', 'good again');
    await open.scan();
    expect(await open.notes()).toMatchObject({ b: { content: 'good again' } });
    expect(await open.events('memory.created')).toHaveLength(1);
    const labels = await fileLabels(open);
    expect(labels).toEqual(['b.md']);
    await unlink(dir.at('b.md'));
    await open.scan();
    expect(await open.notes()).toEqual({});
    expect(await open.log.records.list('graph_node', { limit: 100 })).toEqual([]);
  });

  it('has a byte order mark, which is no part of its text', async () => {
    await using dir = await vault({ 'a.md': '\ufeff# A' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    expect(await open.notes()).toMatchObject({ a: { content: '# A' } });
  });
});

describe('large trees', () => {
  it('takes over a vault of 1,000 notes in batches of at most 25 documents', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `area ${i % 20}/note ${i}.md`);
    await using dir = await vault(
      Object.fromEntries(names.map((name, i) => [name, `# Note ${i}\n[[note ${i + 1}]]`])),
    );
    const sizes: number[] = [];
    const disk = createMemoryDisk();
    await using open = await openFiles([dir.path], { disk });
    open.log.onCommit(({ events }) => {
      sizes.push(events.filter(({ type }) => type === 'memory.created').length);
    });
    expect(await open.scan()).toEqual({ ...NONE, created: 1_000, directories: 20 });
    expect(Math.max(...sizes)).toBe(25);
    expect(Object.keys(await open.notes())).toHaveLength(1_000);
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 1_000 });
  });

  it('splits by size what would be too much for one commit', async () => {
    const note = (i: number): string => `${i} "${'ä'.repeat(300_000)}"\n`;
    await using dir = await vault(
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.md`, note(i)])),
    );
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toEqual({ ...NONE, created: 9 });
  });

  it('asks the memories for nothing when only other files changed', async () => {
    await using dir = await vault({ 'a.txt': '1', 'b.png': '2' });
    await using open = await openFiles([dir.path], {
      documents: { plan: async () => Promise.reject(new Error('must not be asked')) },
    });
    expect(await open.scan()).toEqual({ ...NONE, created: 2 });
  });

  it('hashes a file of any size in bounded memory, and none over 256 MiB', async () => {
    await using dir = await vault({ 'a.bin': '', 'b.bin': '' });
    await truncate(dir.at('a.bin'), 3 * 1024 * 1024);
    await truncate(dir.at('b.bin'), 256 * 1024 * 1024 + 1);
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toEqual({ ...NONE, created: 2 });
    expect((await open.rows()).map(({ hash }) => hash === null)).toEqual([false, true]);
    expect(await open.scan()).toEqual({ ...NONE, unchanged: 2 });
    await truncate(dir.at('b.bin'), 256 * 1024 * 1024 + 2);
    expect(await open.scan()).toEqual({ ...NONE, modified: 1, unchanged: 1 });
  });
});
