import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { link, lstat, mkdir, rename, rm, symlink, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { createMemoryDisk } from '../../src/log/memory-store.ts';
import { openRoot, type OpenRoot } from '../../src/files/open-root.ts';
import { hashFile, readBytes } from '../../src/files/read.ts';
import { walk } from '../../src/files/walk.ts';
import { openFiles, vault } from '../support/files.ts';

const SECRET = 'outside: nobody may read this';
const never = new AbortController().signal;

const rootOf = async (dir: string): Promise<OpenRoot> => {
  const root = await openRoot(dir);
  if (root === undefined) throw new Error('There is no such directory');
  return root;
};

/** What a root shows of everything in it, as a whole and asked for by name. */
const shown = async (dir: string, names: readonly string[]) => {
  const root = await rootOf(dir);
  const options = { isIgnored: () => false, signal: never };
  const whole = await walk(root, [''], options);
  const named = await walk(root, names, options);
  const read = await Promise.all(names.map(async (name) => (await readBytes(root, name, 1_000)).kind));
  const hashed = await Promise.all(names.map(async (name) => (await hashFile(root, name, never)).kind));
  return { whole: [...whole.files.keys()].toSorted(), named: [...named.files.keys()], read, hashed };
};

describe('nothing outside a root is read', () => {
  it('through links to files, to directories, or in the middle of a path', async () => {
    await using outside = await vault({ 'secret.md': SECRET, 'deep/secret.md': SECRET });
    await using dir = await vault({ 'in.md': 'inside', 'real/in.md': 'inside' });
    await symlink(outside.at('secret.md'), dir.at('link.md'));
    await symlink(outside.path, dir.at('linked'));
    await symlink('../..', dir.at('real/up'));
    await symlink('in.md', dir.at('inner.md'));
    await symlink('real', dir.at('inner'));
    await symlink('round.md', dir.at('round.md'));
    await symlink('/dev/zero', dir.at('zero.md'));
    const names = [
      'link.md',
      'linked/secret.md',
      'linked/deep/secret.md',
      'real/up',
      'inner.md',
      'inner/in.md',
      'round.md',
      'zero.md',
      `real/up/${path.basename(outside.path)}/secret.md`,
    ];
    expect(await shown(dir.path, names)).toEqual({
      whole: ['in.md', 'real/in.md'],
      named: [],
      read: names.map(() => 'gone'),
      hashed: names.map(() => 'gone'),
    });
    await using open = await openFiles([dir.path]);
    await open.scan();
    for (const name of names) await open.scan({ path: name });
    expect((await open.rows()).map(({ path }) => path)).toEqual(['in.md', 'real/in.md']);
    expect(JSON.stringify([await open.events(), await open.notes()])).not.toContain(SECRET);
  });

  it('whoever exchanges a directory for a link at any moment', async () => {
    await using outside = await vault({ 'a.md': SECRET, 'outside/of it.md': SECRET });
    await using dir = await vault({ 'sub/a.md': 'inside' });
    await symlink(outside.path, dir.at('link'));
    const root = await rootOf(dir.path);
    let exchanging = true;
    const exchange = async (): Promise<void> => {
      while (exchanging) {
        await rename(dir.at('sub'), dir.at('kept'));
        await rename(dir.at('link'), dir.at('sub'));
        await rename(dir.at('sub'), dir.at('link'));
        await rename(dir.at('kept'), dir.at('sub'));
        // Long enough for a whole look, now and then.
        for (let n = 0; n < 10; n += 1) await lstat(dir.path);
      }
    };
    const exchanged = exchange();
    const kinds = new Set<string>();
    const texts = new Set<string>();
    const names = new Set<string>();
    for (let n = 0; n < 3_000 || kinds.size < 2 || !names.has('sub/a.md'); n += 1) {
      const read = await readBytes(root, 'sub/a.md', 1_000);
      kinds.add(read.kind);
      if (read.kind === 'read') texts.add(Buffer.from(read.value?.bytes ?? []).toString());
      const { files, directories } = await walk(root, ['sub'], { isIgnored: () => false, signal: never });
      for (const name of [...files.keys(), ...directories]) names.add(name);
    }
    exchanging = false;
    await exchanged;
    expect(texts).toEqual(new Set(['inside']));
    expect([...names].filter((name) => name.includes('outside'))).toEqual([]);
  });

  it('where a known directory has become a link: its files are gone', async () => {
    await using outside = await vault({ 'a.md': SECRET, 'b.md': SECRET });
    await using dir = await vault({ 'sub/a.md': 'inside' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await rm(dir.at('sub'), { recursive: true });
    await symlink(outside.path, dir.at('sub'));
    expect(await open.scan({ path: 'sub/a.md' })).toMatchObject({ deleted: 1, directories: 1 });
    expect(await open.rows()).toEqual([]);
    expect(await open.notes()).toEqual({});
    expect(JSON.stringify(await open.events())).not.toContain(SECRET);
  });

  it('and a link to the root itself is where its owner meant', async () => {
    await using dir = await vault({ 'a.md': 'inside' });
    await using places = await vault();
    await symlink(dir.path, places.at('root'));
    await using open = await openFiles([places.at('root')]);
    expect(await open.scan()).toMatchObject({ created: 1, failed: 0 });
    expect((await open.rows())[0]).toMatchObject({ root: places.at('root'), path: 'a.md' });
  });
});

describe('what is no plain file', () => {
  it('is passed over without being opened: pipes, sockets, devices', async () => {
    await using dir = await vault({ 'a.md': 'good' });
    execFileSync('sh', ['-c', 'mkfifo pipe.md'], { cwd: dir.path });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) execFileSync('sh', ['-c', 'mknod null.md c 1 3'], { cwd: dir.path });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(dir.at('socket.md'), resolve));
    try {
      const names = ['pipe.md', 'socket.md', ...(isRoot ? ['null.md'] : [])];
      expect(await shown(dir.path, names)).toEqual({
        whole: ['a.md'],
        named: [],
        read: names.map(() => 'gone'),
        hashed: names.map(() => 'gone'),
      });
      await using open = await openFiles([dir.path]);
      expect(await open.scan()).toMatchObject({ created: 1, failed: 0 });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('a pipe that comes in the place of a file does not make anybody wait', async () => {
    await using dir = await vault({ 'a.md': 'good' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await unlink(dir.at('a.md'));
    execFileSync('sh', ['-c', 'mkfifo a.md'], { cwd: dir.path });
    expect(await open.scan()).toMatchObject({ deleted: 1 });
  });
});

describe('names', () => {
  it('that are not UTF-8 have no path: they are counted, and told of once', async () => {
    await using dir = await vault({ 'a.md': 'good', 'ü – 日本.md': 'good' });
    execFileSync('sh', ['-c', String.raw`printf x > "$(printf 'bad\377.md')"; mkdir "$(printf 'dir\377')"`], {
      cwd: dir.path,
    });
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toMatchObject({ created: 2, failed: 2 });
    expect(await open.scan()).toMatchObject({ unchanged: 2, failed: 2 });
    const warnings = open.lines.filter(({ message }) => message.includes('not UTF-8'));
    expect(warnings).toHaveLength(2);
  });

  it('of every kind that a file system takes', async () => {
    const names = [
      'a\nb.md',
      ' .md',
      'x'.repeat(200) + '.md',
      'a"b\'c.md',
      String.raw`back\slash.md`,
      '%2e%2e.md',
      '$(x).md',
    ];
    await using dir = await vault(Object.fromEntries(names.map((name) => [name, name])));
    const deep = Array.from({ length: 15 }, () => 'd'.repeat(200)).join('/');
    await dir.put(`${deep}/deep.md`, 'deep');
    await using open = await openFiles([dir.path]);
    expect(await open.scan()).toMatchObject({ created: 8, failed: 0 });
    const found = (await open.rows()).map(({ path }) => path);
    expect(found.toSorted()).toEqual([...names, `${deep}/deep.md`].toSorted());
    let cursor: string | null = null;
    const listed: string[] = [];
    do {
      const page = await open.files.list({ limit: 1, ...(cursor === null ? {} : { cursor }) });
      listed.push(...page.files.map(({ path }) => path));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(listed.toSorted()).toEqual(found.toSorted());
  });

  it('that are ignored hide everything below, and what becomes ignored is gone', async () => {
    await using dir = await vault({
      '.git/config': 'x',
      '.obsidian/app.md': 'x',
      'node_modules/p/readme.md': 'x',
      'a/.hidden.md': 'x',
      'a/b.md~': 'x',
      'a/b.md': 'x',
      'drafts/c.md': 'y',
      'data/log.md': 'x',
    });
    const disk = createMemoryDisk();
    {
      await using open = await openFiles([dir.path], { disk, exclude: [dir.at('data')] });
      expect(await open.scan()).toMatchObject({ created: 2 });
      expect(await open.scan({ path: '.git/config' })).toMatchObject({ created: 0, directories: 0 });
      expect(await open.scan({ path: 'data' })).toMatchObject({ created: 0, directories: 0 });
      expect((await open.rows()).map(({ path }) => path)).toEqual(['a/b.md', 'drafts/c.md']);
    }
    await using open = await openFiles([dir.path], {
      disk,
      exclude: [dir.at('data')],
      ignore: ['.*', 'node_modules', '*~', 'dra?t*'],
    });
    expect(await open.scan()).toMatchObject({ deleted: 1, directories: 1, unchanged: 1 });
  });
});

/** The tests may run as root, from whom no file keeps anything. */
const asNobody = async <T>(work: () => Promise<T>): Promise<T> => {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
};

describe('what may not be read', () => {
  it('as a file is told once, and again when it may be', async () => {
    await using dir = await vault({ 'new.md': 'one', 'old.md': 'two' });
    chmodSync(dir.path, 0o755);
    chmodSync(dir.at('new.md'), 0o000);
    await using open = await openFiles([dir.path]);
    expect(await asNobody(() => open.scan())).toMatchObject({ created: 2, failed: 1 });
    chmodSync(dir.at('old.md'), 0o000);
    expect(await asNobody(() => open.scan())).toMatchObject({ modified: 0, failed: 1, deleted: 0 });
    expect(await asNobody(() => open.scan())).toMatchObject({ failed: 0, unchanged: 2 });
    expect((await open.rows()).map(({ error }) => error?.code)).toEqual(['unreadable', 'unreadable']);
    expect(Object.keys(await open.notes())).toEqual(['old']);
    chmodSync(dir.at('new.md'), 0o644);
    chmodSync(dir.at('old.md'), 0o644);
    expect(await asNobody(() => open.scan())).toMatchObject({ modified: 1, failed: 0 });
    expect(Object.keys(await open.notes()).toSorted()).toEqual(['new', 'old']);
    expect((await open.rows()).map(({ error }) => error)).toEqual([null, null]);
    expect(await open.told('file.*')).toEqual([
      'created new.md',
      'created old.md',
      'processed new.md unreadable',
      'processed old.md ok',
      'processed old.md unreadable',
      'modified new.md',
      'processed new.md ok',
      'processed old.md ok',
    ]);
  });

  it('as a directory deletes nothing in it', async () => {
    await using dir = await vault({ 'a/b/c.md': 'one', 'd.md': 'two' });
    chmodSync(dir.path, 0o755);
    await using open = await openFiles([dir.path]);
    await asNobody(() => open.scan());
    chmodSync(dir.at('a'), 0o000);
    expect(await asNobody(() => open.scan())).toMatchObject({
      deleted: 0,
      directories: 0,
      unchanged: 1,
      failed: 1,
    });
    chmodSync(dir.at('a'), 0o755);
    expect(await asNobody(() => open.scan())).toMatchObject({ deleted: 0, unchanged: 2, failed: 0 });
    expect(open.lines.filter(({ message }) => message.startsWith('passed over'))).toHaveLength(1);
  });
});

describe('a root that goes away', () => {
  it('deletes nothing, is told once, and is taken up again', async () => {
    await using place = await vault({ 'root/a.md': 'one', 'root/b.md': 'two' });
    await using open = await openFiles([place.at('root')]);
    await open.scan();
    await rename(place.at('root'), place.at('elsewhere'));
    for (let n = 0; n < 3; n += 1)
      expect(await open.scan()).toMatchObject({ deleted: 0, away: [place.at('root')] });
    expect(await open.rows()).toHaveLength(2);
    const errors = await open.events('system.error');
    expect(errors).toMatchObject([
      { payload: { component: 'files', code: 'root_missing', detail: { root: place.at('root') } } },
    ]);
    await rename(place.at('elsewhere'), place.at('root'));
    expect(await open.scan()).toMatchObject({ unchanged: 2, away: [] });
  });

  it('and leaves an empty mount point: deletes nothing, until there are files again', async () => {
    await using place = await vault({ 'root/a.md': 'one', 'root/b.md': 'two' });
    const disk = createMemoryDisk();
    {
      await using open = await openFiles([place.at('root')], { disk });
      await open.scan();
    }
    await rename(place.at('root'), place.at('elsewhere'));
    await mkdir(place.at('root'));
    await using open = await openFiles([place.at('root')], { disk });
    expect(await open.scan()).toMatchObject({ deleted: 0, away: [place.at('root')] });
    expect(await open.scan({ path: 'a.md' })).toMatchObject({ deleted: 0, away: [place.at('root')] });
    expect(await open.events('system.error')).toMatchObject([{ payload: { code: 'root_empty' } }]);
    await link(place.at('elsewhere/a.md'), place.at('root/a.md'));
    // With files in it, it is a directory like any other.
    expect(await open.scan()).toMatchObject({ deleted: 1, unchanged: 1, away: [] });
  });

  it('or is emptied by its owner, which is no going away', async () => {
    await using dir = await vault({ 'a.md': 'one', 'b.md': 'two' });
    await using open = await openFiles([dir.path]);
    await open.scan();
    await unlink(dir.at('a.md'));
    await unlink(dir.at('b.md'));
    expect(await open.scan()).toMatchObject({ deleted: 2, away: [] });
  });

  it('and one that is not there yet is waited for', async () => {
    await using place = await vault();
    await using open = await openFiles([place.at('later')]);
    expect(await open.scan()).toMatchObject({ away: [place.at('later')] });
    await place.put('later/a.md', 'one');
    expect(await open.scan()).toMatchObject({ created: 1, away: [] });
  });
});
