import { appendFile, mkdir, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CrucibleError } from '../../src/kernel/errors.ts';
import { createMemoryDisk, createMemoryStore } from '../../src/log/memory-store.ts';
import { openFiles, TEST_TABLES, textOf, until, vault, type OpenFiles } from '../support/files.ts';

const told = async (open: OpenFiles, types: readonly string[], text: string): Promise<boolean> =>
  (await open.told(...types)).includes(text);

/** Waits until this has been told. */
const untilTold = (open: OpenFiles, text: string, change: () => Promise<unknown>): Promise<void> =>
  until(open.files, () => told(open, ['file.*', 'system.error'], text), change);

describe('the watch', () => {
  it('sees files come, change, move and go', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openFiles([dir.path]);
    await open.files.start();
    expect(await open.told('file.*')).toEqual(['created a.md', 'processed a.md ok']);
    await untilTold(open, 'processed b.md ok', () => dir.put('b.md', 'two'));
    await untilTold(open, 'modified a.md', () => writeFile(dir.at('a.md'), 'one, revised'));
    expect(await open.notes()).toMatchObject({ a: { content: 'one, revised' } });
    await untilTold(open, 'renamed b.md > c.md', () => rename(dir.at('b.md'), dir.at('c.md')));
    await untilTold(open, 'deleted c.md', () => unlink(dir.at('c.md')));
    expect(await open.told('memory.*')).toHaveLength(5);
  });

  it('sees directories come with everything in them, move as a whole, and go', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using outside = await vault({ 'in/x.md': 'x', 'in/deep/y.md': 'y' });
    await using open = await openFiles([dir.path]);
    await open.files.start();
    await untilTold(open, 'created in/deep/y.md', () => rename(outside.at('in'), dir.at('in')));
    await untilTold(open, 'created in/deep/z.md', () => dir.put('in/deep/z.md', 'z'));
    await untilTold(open, 'renamed in/deep/z.md > out/deep/z.md', () => rename(dir.at('in'), dir.at('out')));
    await untilTold(open, 'directory_deleted out', () => rm(dir.at('out'), { recursive: true }));
    expect((await open.rows()).map(({ path }) => path)).toEqual(['a.md']);
    expect(await open.events('memory.created')).toHaveLength(4);
    expect(await open.events('memory.deleted')).toHaveLength(3);
    // Innermost first.
    const gone = (await open.events('file.directory_deleted')).map(({ payload }) => payload['path']);
    expect(gone.slice(-2)).toEqual(['out/deep', 'out']);
  });

  it.each([
    [
      'writes beside it and moves it over',
      async (dir: Vault) => {
        await dir.put('.a.md.swp', 'tmp');
        await dir.put('a.md.tmp-1', 'saved');
        await rename(dir.at('a.md.tmp-1'), dir.at('a.md'));
        await unlink(dir.at('.a.md.swp'));
      },
    ],
    [
      'keeps a copy, and writes it anew',
      async (dir: Vault) => {
        await rename(dir.at('a.md'), dir.at('a.md~'));
        await dir.put('a.md', 'saved');
      },
    ],
    [
      'empties it, and writes in pieces',
      async (dir: Vault) => {
        await truncate(dir.at('a.md'));
        for (const letter of 'saved') await appendFile(dir.at('a.md'), letter);
      },
    ],
    [
      'deletes it, and writes it anew',
      async (dir: Vault) => {
        await unlink(dir.at('a.md'));
        await dir.put('a.md', 'saved');
      },
    ],
  ])('takes it for one change when an editor %s', async (_, save) => {
    await using dir = await vault({ 'a.md': 'one', 'b.md': 'other' });
    await using open = await openFiles([dir.path], { settleMs: 500 });
    await open.files.start();
    const before = open.log.head();
    await untilTold(open, 'modified a.md', () => save(dir));
    // Whatever else there was to tell would have been told by the time that a later change is.
    await untilTold(open, 'modified b.md', () => dir.put('b.md', 'later'));
    const events = (await open.events('file.*')).filter(({ position }) => position > before);
    expect(events.map(({ type, payload }) => `${type} ${textOf(payload['path'])}`)).toEqual([
      'file.modified a.md',
      'file.processed a.md',
      'file.modified b.md',
      'file.processed b.md',
    ]);
    expect(await open.notes()).toMatchObject({ a: { content: 'saved' } });
    expect(await open.events('memory.created')).toHaveLength(2);
  });

  it('does not let one file that is written without end keep the others waiting', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using open = await openFiles([dir.path], { maxWaitMs: 200, settleMs: 100 });
    await open.files.start();
    let writing = true;
    const written = (async () => {
      while (writing) await appendFile(dir.at('busy.log'), 'x');
    })();
    try {
      await untilTold(open, 'modified a.md', () => writeFile(dir.at('a.md'), 'two'));
    } finally {
      writing = false;
      await written;
    }
    await untilTold(open, 'created busy.log', async () => undefined);
    expect(await open.events('file.created')).toHaveLength(2);
  });

  it('waits for a root that goes, deletes nothing, and takes it up again', async () => {
    await using place = await vault({ 'root/a.md': 'one', 'root/b.md': 'two' });
    await using open = await openFiles([place.at('root')]);
    await open.files.start();
    const isAway = async ({ kind }: { readonly kind: string }): Promise<boolean> => kind === 'away';
    await until(open.files, isAway, () => rename(place.at('root'), place.at('elsewhere')));
    expect(await open.events('system.error')).toMatchObject([{ payload: { code: 'root_missing' } }]);
    await place.put('elsewhere/b.md', 'two, revised');
    await untilTold(open, 'modified b.md', () => rename(place.at('elsewhere'), place.at('root')));
    await untilTold(open, 'created c.md', () => place.put('root/c.md', 'three'));
    expect(await open.events('file.deleted')).toEqual([]);
    expect(await open.rows()).toHaveLength(3);
  });

  it('takes up a root that came later, and one that lies empty for a while', async () => {
    await using place = await vault({ 'disk/a.md': 'one' });
    const disk = createMemoryDisk();
    {
      await using open = await openFiles([place.at('root')], { disk });
      await open.files.start();
      await untilTold(open, 'created a.md', () => rename(place.at('disk'), place.at('root')));
    }
    await rename(place.at('root'), place.at('disk'));
    await mkdir(place.at('root'));
    await using open = await openFiles([place.at('root')], { disk });
    await open.files.start();
    expect(await open.events('system.error')).toMatchObject([
      { payload: { code: 'root_missing' } },
      { payload: { code: 'root_empty' } },
    ]);
    await rm(place.at('root'), { recursive: true });
    await place.put('disk/b.md', 'two');
    await untilTold(open, 'created b.md', () => rename(place.at('disk'), place.at('root')));
    expect(await open.events('file.deleted')).toEqual([]);
  });

  it('tries again what could not be written', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    const store = createMemoryStore({ tables: TEST_TABLES });
    await using open = await openFiles([dir.path], { store });
    const { append } = open.log;
    let refusals = 2;
    Object.assign(open.log, {
      append: async (...asked: Parameters<typeof append>) => {
        if (refusals === 0) return append(...asked);
        refusals -= 1;
        throw new CrucibleError('overloaded', 'No room now');
      },
    });
    await untilTold(open, 'processed a.md ok', () => open.files.start());
    expect(refusals).toBe(0);
    expect(await open.events('file.created')).toHaveLength(1);
    expect(open.lines.filter(({ message }) => message.includes('No room now'))).toHaveLength(2);
  });

  it('sees a thousand files that come at once', async () => {
    await using dir = await vault({ 'a.md': 'one' });
    await using outside = await vault(
      Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`in/${i % 10}/${i}.md`, `note ${i}`])),
    );
    await using open = await openFiles([dir.path]);
    await open.files.start();
    const isWhole = async (): Promise<boolean> => (await open.events('file.created')).length === 1_001;
    await until(open.files, isWhole, () => rename(outside.at('in'), dir.at('in')));
    await until(
      open.files,
      async () => (await open.events('file.renamed')).length === 1_000,
      () => rename(dir.at('in'), dir.at('moved')),
    );
    expect(await open.events('file.deleted')).toEqual([]);
    expect(await open.events('memory.created')).toHaveLength(1_001);
  });

  it('ends in the middle of a large tree, and leaves the rest for the next start', async () => {
    await using dir = await vault(
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}.md`, `note ${i}`])),
    );
    const disk = createMemoryDisk();
    {
      await using open = await openFiles([dir.path], { disk });
      const begun = new Promise<void>((resolve) => open.log.onCommit(() => resolve()));
      const started = open.files.start();
      await begun;
      await open.files.close();
      await started;
      expect((await open.rows()).length).toBeLessThan(200);
    }
    await using open = await openFiles([dir.path], { disk });
    await open.files.start();
    expect(new Set((await open.events('file.created')).map(({ payload }) => payload['path'])).size).toBe(200);
    expect(await open.events('file.created')).toHaveLength(200);
    expect(await open.events('memory.created')).toHaveLength(200);
  });
});

type Vault = Awaited<ReturnType<typeof vault>>;
