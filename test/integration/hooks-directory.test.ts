import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileHooks } from '../../hooks/directory/file-hooks.ts';
import { CrucibleError } from '../../src/kernel/errors.ts';
import { createMemoryDisk } from '../../src/log/memory-store.ts';
import { openHooks, temporaryDirectory, until } from '../support/hooks.ts';

const hook = (name: string, { type = 'custom.note.imported', more = '' } = {}): string =>
  `---\nname: ${name}\ntrigger: { events: [{ type: ${type} }] }\naction: { type: script, script: ${name}.js }\n${more}\n---\n# ${name}\n`;
const script = (answer: string): string =>
  `export default async () => ({ output: ${JSON.stringify(answer)} });\n`;

const put = async (dir: string, name: string, options?: Parameters<typeof hook>[1]): Promise<void> => {
  await writeFile(path.join(dir, `${name}.js`), script('one'));
  await writeFile(path.join(dir, `${name}.md`), hook(name, options));
};

type Hooks = Awaited<ReturnType<typeof openHooks>>;

const viewOf = async (hooks: Hooks, name: string) =>
  (await hooks.service.list({ limit: 100 })).find(({ id }) => id === name);

describe('the hook directory', () => {
  it('is made if it is missing, and its files are registered at the start', async () => {
    await using dir = await temporaryDirectory();
    const below = path.join(dir.path, 'made', 'hooks');
    await using hooks = await openHooks();
    await (await hooks.watch({}, below)).close();
    await mkdir(path.join(below, 'deep'));
    await put(path.join(below, 'deep'), 'a');
    await writeFile(path.join(below, 'README.txt'), 'not a hook');
    await mkdir(path.join(below, '.git'));
    await put(path.join(below, '.git'), 'hidden');
    await hooks.watch({}, below);
    expect(await hooks.service.list({ limit: 10 })).toMatchObject([
      {
        id: 'a',
        file: path.join('deep', 'a.md'),
        enabled: true,
        errors: [],
        definition: { documentation: '# a' },
      },
    ]);
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:a pending']);
    expect(await hooks.events('hook.registered')).toMatchObject([
      { actor: 'system:hooks', payload: { hook: 'a', file: path.join('deep', 'a.md') } },
    ]);
  });

  it('changes nothing at a restart where no file changed, whatever the resolver says then', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    const http = 'action: { type: http, url: "https://ntfy.example.org/" }';
    await writeFile(path.join(dir.path, 'b.md'), hook('b').replace(/action: .*/, http));
    const disk = createMemoryDisk();
    {
      await using hooks = await openHooks({ disk });
      await hooks.watch({}, dir.path);
      expect(await hooks.service.list({ limit: 10 })).toHaveLength(2);
    }
    await using again = await openHooks({ disk, resolve: async () => ['10.0.0.1'] });
    const head = again.log.head();
    const directory = await again.watch({}, dir.path);
    expect(directory.problems().size).toBe(0);
    expect(again.log.head()).toBe(head);
    expect(await again.publish('custom.note.imported', {})).toEqual(['hook:a pending', 'hook:b pending']);
  });

  it('notices at a restart what changed, came and went meanwhile', async () => {
    await using dir = await temporaryDirectory();
    for (const name of ['changed', 'gone', 'same']) await put(dir.path, name);
    const disk = createMemoryDisk();
    {
      await using hooks = await openHooks({ disk });
      await hooks.watch({}, dir.path);
    }
    await put(dir.path, 'changed', { type: 'custom.other' });
    await put(dir.path, 'new');
    await unlink(path.join(dir.path, 'gone.md'));
    await using again = await openHooks({ disk });
    await again.watch({}, dir.path);
    expect(await again.publish('custom.note.imported', {})).toEqual([
      'hook:new pending',
      'hook:same pending',
    ]);
    expect(await again.events('hook.unregistered')).toMatchObject([
      { payload: { hook: 'gone', reason: 'file_deleted' } },
    ]);
    expect(await again.events('hook.registered')).toHaveLength(5);
  });

  it('registers, replaces and unregisters while it runs', async () => {
    await using dir = await temporaryDirectory();
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.errors.length === 0,
      () => put(dir.path, 'a'),
    );
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:a pending']);
    const first = await viewOf(hooks, 'a');

    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.hash !== first?.hash,
      () => writeFile(path.join(dir.path, 'a.md'), hook('a', { type: 'custom.other' })),
    );
    expect(await hooks.publish('custom.note.imported', {})).toEqual([]);
    expect(await hooks.publish('custom.other', {})).toEqual(['hook:a pending']);

    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) === undefined,
      () => unlink(path.join(dir.path, 'a.md')),
    );
    expect(await hooks.publish('custom.other', {})).toEqual([]);
  });

  it('registers again when the script beside a hook changes, comes or goes', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    const file = path.join(dir.path, 'a.js');
    const source = async () => {
      const action = (await viewOf(hooks, 'a'))?.definition.action;
      return action?.type === 'script' ? action.source : undefined;
    };
    await until(
      directory,
      async () => (await source()) === script('two'),
      () => writeFile(file, script('two')),
    );
    await until(
      directory,
      async () => ((await viewOf(hooks, 'a'))?.errors.length ?? 0) > 0,
      () => unlink(file),
    );
    expect(await source()).toBe(script('two'));
    expect((await viewOf(hooks, 'a'))?.errors).toMatchObject([{ path: 'action.script', line: 4 }]);
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:a pending']);
    await until(
      directory,
      async () => (await source()) === script('three'),
      () => writeFile(file, script('three')),
    );
    expect((await viewOf(hooks, 'a'))?.errors).toEqual([]);
  });

  it('keeps the last good version of a broken file, and tells of it once', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    const disk = createMemoryDisk();
    const broken = hook('a', { type: 'custom.note.imported', more: 'trigerr: {}\nversion: 1' });
    {
      await using hooks = await openHooks({ disk });
      const directory = await hooks.watch({}, dir.path);
      const good = await viewOf(hooks, 'a');
      await until(
        directory,
        async () => ((await viewOf(hooks, 'a'))?.errors.length ?? 0) > 0,
        () => writeFile(path.join(dir.path, 'a.md'), broken),
      );
      expect(await viewOf(hooks, 'a')).toEqual({
        ...good,
        errors: [
          {
            path: 'trigerr',
            message: 'unknown key `trigerr` in a hook',
            hint: 'did you mean `trigger`?',
            line: 5,
            column: 1,
          },
          {
            path: 'version',
            message: 'must be text',
            hint: expect.stringContaining('in quotes'),
            line: 6,
            column: 1,
          },
        ],
      });
      expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:a pending']);
      const [event, ...more] = await hooks.events('system.error');
      expect(more).toEqual([]);
      expect(event).toMatchObject({
        subject: 'hook:a',
        payload: { component: 'hooks', detail: { file: 'a.md', hook: 'a' } },
      });
      expect(event?.payload['message']).toContain('a.md:5:1 trigerr: unknown key');
      expect(hooks.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      expect(directory.problems().get('a.md')).toHaveLength(2);
      // A switch of the running version hides nothing of what is wrong with the file.
      expect((await hooks.service.setEnabled('a', false)).errors).toHaveLength(2);
      await hooks.service.setEnabled('a', true);
    }
    await using again = await openHooks({ disk });
    const directory = await again.watch({}, dir.path);
    expect(await again.events('system.error')).toHaveLength(1);
    expect(await again.publish('custom.note.imported', {})).toEqual(['hook:a pending']);
    await until(
      directory,
      async () => (await viewOf(again, 'a'))?.errors.length === 0,
      () => put(dir.path, 'a'),
    );
    expect(directory.problems().size).toBe(0);
  });

  it('refuses a new file that is broken, with an event and without a hook', async () => {
    await using dir = await temporaryDirectory();
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    await until(
      directory,
      async () => directory.problems().has('x.md'),
      () => writeFile(path.join(dir.path, 'x.md'), '---js\nmodule.exports = {}\n---\n'),
    );
    expect(await hooks.service.list({ limit: 10 })).toEqual([]);
    expect(await hooks.events('system.error')).toMatchObject([{ payload: { detail: { file: 'x.md' } } }]);
    // Another file's change does not tell of it again.
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.errors.length === 0,
      () => put(dir.path, 'a'),
    );
    const told = await hooks.events('system.error');
    expect(told.filter(({ payload }) => JSON.stringify(payload).includes('x.md'))).toHaveLength(1);
  });

  it('names both files of one name, and goes on when one of them is gone', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    const before = await viewOf(hooks, 'a');
    const twin = path.join(dir.path, 'twin.md');
    await until(
      directory,
      async () => directory.problems().size === 2,
      () => writeFile(twin, hook('a', { type: 'custom.twin' })),
    );
    const after = await viewOf(hooks, 'a');
    expect(after).toMatchObject({ hash: before?.hash, file: 'a.md' });
    expect(after?.errors[0]?.message).toContain('`a.md` and `twin.md`');
    expect(await hooks.publish('custom.twin', {})).toEqual([]);
    await until(
      directory,
      async () => directory.problems().size === 0,
      () => unlink(path.join(dir.path, 'a.md')),
    );
    expect(await viewOf(hooks, 'a')).toMatchObject({ file: 'twin.md', errors: [] });
    expect(await hooks.publish('custom.twin', {})).toEqual(['hook:a pending']);
    expect(await hooks.events('hook.unregistered')).toEqual([]);
  });

  it('takes a renamed file for the same hook, without a moment in which it is none', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.file === 'b.md',
      () => rename(path.join(dir.path, 'a.md'), path.join(dir.path, 'b.md')),
    );
    expect(await hooks.events('hook.unregistered', 'system.error')).toEqual([]);
    expect(await hooks.events('hook.registered')).toHaveLength(2);
  });

  it('keeps files and the API out of each other', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'filed');
    await using hooks = await openHooks();
    const input = (name: string): object => ({
      name,
      trigger: { events: [{ type: 'custom.note.imported' }] },
      action: { type: 'script', source: script('x') },
    });
    await hooks.service.create(input('made'), { allowShell: false });
    await put(dir.path, 'made');
    const directory = await hooks.watch({}, dir.path);
    expect(directory.problems().get('made.md')).toMatchObject([
      { path: 'name', message: /made through the API/ },
    ]);
    expect(await viewOf(hooks, 'made')).toMatchObject({ file: null, errors: [] });
    await expect(hooks.service.remove('filed')).rejects.toMatchObject({ code: 'managed_by_file' });
    await expect(hooks.service.replace('filed', input('filed'), { allowShell: true })).rejects.toMatchObject({
      code: 'managed_by_file',
    });
    await expect(hooks.service.create(input('filed'), { allowShell: true })).rejects.toMatchObject({
      code: 'already_exists',
    });
  });

  it('keeps a hook that was switched off so until its file says otherwise', async () => {
    await using dir = await temporaryDirectory();
    await put(dir.path, 'a');
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    await hooks.service.setEnabled('a', false);
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:a skipped']);
    const write = (more: string) => () => writeFile(path.join(dir.path, 'a.md'), hook('a', { more }));
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.definition.description === 'x',
      write('description: x'),
    );
    expect(await viewOf(hooks, 'a')).toMatchObject({ enabled: false });
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.definition.enabled === false,
      write('enabled: false'),
    );
    await until(
      directory,
      async () => (await viewOf(hooks, 'a'))?.definition.enabled === true,
      write('enabled: true'),
    );
    expect(await viewOf(hooks, 'a')).toMatchObject({ enabled: true });
  });

  it('follows no link out of the directory, and reads no huge file', async () => {
    await using dir = await temporaryDirectory();
    await using outside = await temporaryDirectory();
    await put(outside.path, 'evil');
    await symlink(path.join(outside.path, 'evil.md'), path.join(dir.path, 'evil.md'));
    await symlink(outside.path, path.join(dir.path, 'linked'));
    await writeFile(path.join(dir.path, 'huge.md'), 'x'.repeat(3 * 1024 * 1024));
    await writeFile(path.join(dir.path, 'binary.md'), new Uint8Array([0xff, 0xfe, 0xfd]));
    await symlink('loop.md', path.join(dir.path, 'loop.md'));
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, dir.path);
    expect(await hooks.service.list({ limit: 10 })).toEqual([]);
    expect([...directory.problems().keys()].toSorted()).toEqual(['binary.md', 'evil.md', 'huge.md']);
    expect(directory.problems().get('evil.md')).toMatchObject([
      { message: /leads out of the hook directory/ },
    ]);
  });

  it('watches several directories', async () => {
    await using one = await temporaryDirectory();
    await using other = await temporaryDirectory();
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, one.path, other.path);
    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) !== undefined,
      () => put(one.path, 'a'),
    );
    await until(
      directory,
      async () => (await viewOf(hooks, 'b')) !== undefined,
      () => put(other.path, 'b'),
    );
    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) === undefined,
      () => rm(one.path, { recursive: true }),
    );
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:b pending']);
  });

  it('goes on with a directory that was deleted and made again', async () => {
    await using dir = await temporaryDirectory();
    const root = path.join(dir.path, 'hooks');
    await using hooks = await openHooks();
    const directory = await hooks.watch({}, root);
    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) !== undefined,
      () => put(root, 'a'),
    );
    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) === undefined,
      () => rm(root, { recursive: true }),
    );
    await until(
      directory,
      async () => (await viewOf(hooks, 'b')) !== undefined,
      async () => {
        await mkdir(root, { recursive: true });
        await put(root, 'b');
      },
    );
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:b pending']);
  });

  it('acts later on what the log did not take', async () => {
    await using dir = await temporaryDirectory();
    await using hooks = await openHooks();
    let failures = 2;
    const failing: FileHooks = {
      ...hooks.service,
      registerFile: async (...args) => {
        failures -= 1;
        if (failures >= 0) throw new CrucibleError('overloaded', 'the log is full');
        await hooks.service.registerFile(...args);
      },
    };
    const directory = await hooks.watch({ hooks: failing }, dir.path);
    await until(
      directory,
      async () => (await viewOf(hooks, 'a')) !== undefined,
      () => put(dir.path, 'a'),
    );
    expect(failures).toBeLessThan(0);
    const told = hooks.lines.filter(({ message }) => message.includes('could not be acted on'));
    expect(told.length).toBeGreaterThanOrEqual(1);
    expect(told[0]?.message).toContain('the log is full');
  });
});
