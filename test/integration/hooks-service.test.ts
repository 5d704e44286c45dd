import { describe, expect, it } from 'vitest';
import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import { withOrigin } from '../../src/kernel/context.ts';
import { contentHash } from '../../src/kernel/hash.ts';
import { createMemoryDisk } from '../../src/log/memory-store.ts';
import { hooksOrigin, openHooks } from '../support/hooks.ts';

const input = (more: object = {}): object => ({
  name: 'tag-notes',
  trigger: { events: [{ type: 'custom.note.imported' }] },
  action: { type: 'script', source: 'export default async () => ({ output: { tags: [] } });' },
  ...more,
});
const noShell = { allowShell: false };

describe('hooks through the API', () => {
  it('react to the very next event', async () => {
    await using hooks = await openHooks();
    const [before, view, after] = await Promise.all([
      hooks.publish('custom.note.imported', {}),
      hooks.service.create(input(), noShell),
      (async () => undefined)(),
    ]);
    expect(after).toBeUndefined();
    expect(before).toEqual([]);
    expect(view).toMatchObject({ id: 'tag-notes', enabled: true, file: null, errors: [] });
    expect(view.hash).toBe(contentHash(JSON.parse(JSON.stringify(view.definition))));
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:tag-notes pending']);
    expect(await hooks.publish('custom.other', {})).toEqual([]);
  });

  it('leave an event of every change, in the story of the request', async () => {
    await using hooks = await openHooks();
    const origin = { ...hooksOrigin(), actor: 'user:alice', correlation_id: 'cor_story' };
    const view = await withOrigin(origin, async () => {
      const made = await hooks.service.create(input(), noShell);
      await hooks.service.remove('tag-notes');
      return made;
    });
    const events = await hooks.events('hook.registered', 'hook.unregistered');
    expect(events).toMatchObject([
      {
        type: 'hook.registered',
        actor: 'user:alice',
        correlation_id: 'cor_story',
        subject: 'hook:tag-notes',
        payload: { hook: 'tag-notes', hash: view.hash, version: '1.0.0', file: null, enabled: true },
      },
      {
        type: 'hook.unregistered',
        correlation_id: 'cor_story',
        payload: { hook: 'tag-notes', hash: view.hash, version: '1.0.0', reason: 'removed' },
      },
    ]);
    expect(await hooks.publish('custom.note.imported', {})).toEqual([]);
    await expect(hooks.service.get('tag-notes')).rejects.toMatchObject({ code: 'not_found' });
    // A run that matched it still finds the definition.
    expect(await hooks.log.records.get(DEFINITION_TABLE.name, view.hash)).toMatchObject({
      kind: 'hook',
      definition: { name: 'tag-notes' },
    });
  });

  it('are made once under one name, however many ask at once', async () => {
    await using hooks = await openHooks();
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((order) => hooks.service.create(input({ description: `${order}` }), noShell)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    expect(reasons).toMatchObject([1, 2, 3].map(() => ({ code: 'already_exists' })));
    expect(await hooks.events('hook.registered')).toHaveLength(1);
  });

  it('are replaced whole, and not at all by the same', async () => {
    await using hooks = await openHooks();
    const first = await hooks.service.create(input(), noShell);
    const same = await hooks.service.replace('tag-notes', first.definition, noShell);
    expect(same).toEqual(first);
    const second = await hooks.service.replace(
      'tag-notes',
      input({ version: '1.1.0', trigger: { events: [{ type: 'custom.other' }] } }),
      noShell,
    );
    expect(second.hash).not.toBe(first.hash);
    expect(second.created_at).toBe(first.created_at);
    expect(await hooks.publish('custom.note.imported', {})).toEqual([]);
    expect(await hooks.publish('custom.other', {})).toEqual(['hook:tag-notes pending']);
    expect(await hooks.events('hook.registered')).toHaveLength(2);
    await expect(hooks.service.replace('tag-notes', input({ name: 'b' }), noShell)).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'name' }],
    });
    await expect(hooks.service.replace('none', input({ name: 'none' }), noShell)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('are recorded as skipped while they are switched off', async () => {
    await using hooks = await openHooks();
    await hooks.service.create(input(), noShell);
    const off = await hooks.service.setEnabled('tag-notes', false);
    expect(off).toMatchObject({ enabled: false, definition: { enabled: false } });
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:tag-notes skipped']);
    await hooks.service.setEnabled('tag-notes', true);
    expect(await hooks.publish('custom.note.imported', {})).toEqual(['hook:tag-notes pending']);
    const events = await hooks.events('hook.registered');
    expect(events.map(({ payload }) => payload['enabled'])).toEqual([true, false, true]);
  });

  it('see their own worlds only, and are seen from them only', async () => {
    await using hooks = await openHooks();
    await withOrigin(hooksOrigin('lab'), () => hooks.service.create(input(), noShell));
    expect(await hooks.publish('custom.note.imported', {}, 'lab')).toEqual(['hook:tag-notes pending']);
    expect(await hooks.publish('custom.note.imported', {}, 'default')).toEqual([]);
    const elsewhere = { worlds: ['default'] };
    for (const attempt of [
      () => hooks.service.get('tag-notes', elsewhere),
      () => hooks.service.remove('tag-notes', elsewhere),
      () => hooks.service.setEnabled('tag-notes', false, elsewhere),
      () => hooks.service.replace('tag-notes', input(), { ...noShell, ...elsewhere }),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'not_found' });
    expect(await hooks.service.get('tag-notes', { worlds: ['lab'] })).toMatchObject({ id: 'tag-notes' });
    await expect(
      hooks.service.create(input({ name: 'spy', worlds: ['default', 'lab'] }), { ...noShell, ...elsewhere }),
    ).rejects.toMatchObject({ code: 'invalid', issues: [{ path: 'worlds.1' }] });
  });

  it('are listed in the order of names, page by page, those of other worlds left out', async () => {
    await using hooks = await openHooks();
    for (const name of ['e', 'a', 'c', 'b', 'd'])
      await hooks.service.create(input({ name, worlds: [name < 'c' ? 'lab' : 'default'] }), noShell);
    const names = async (page: Parameters<typeof hooks.service.list>[0]) =>
      (await hooks.service.list(page)).map(({ id }) => id);
    expect(await names({ limit: 3 })).toEqual(['a', 'b', 'c']);
    expect(await names({ limit: 3, after: 'c' })).toEqual(['d', 'e']);
    expect(await names({ limit: 2, worlds: ['default'] })).toEqual(['c', 'd']);
    expect(await names({ limit: 10, worlds: ['none'] })).toEqual([]);
  });

  it('are refused with everything that is wrong, and change nothing', async () => {
    await using hooks = await openHooks();
    const bad = input({ name: 'BAD', trigger: { events: [{ type: 'custm.x' }] }, x: 1 });
    await expect(hooks.service.create(bad, noShell)).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'x' }, { path: 'name' }, { path: 'trigger.events.0.type' }],
    });
    expect(await hooks.service.validate({ definition: bad })).toHaveLength(3);
    const compile = input({ action: { type: 'script', source: 'export default (' } });
    await expect(hooks.service.create(compile, noShell)).rejects.toMatchObject({ code: 'invalid' });
    const forbidden = input({ action: { type: 'http', url: 'http://[::1]/' } });
    await expect(hooks.service.create(forbidden, noShell)).rejects.toMatchObject({ code: 'egress_denied' });
    const shell = input({ action: { type: 'shell', command: ['id'] } });
    await expect(hooks.service.create(shell, noShell)).rejects.toMatchObject({ code: 'forbidden' });
    expect(hooks.log.head()).toBe(0);
    expect(await hooks.service.create(shell, { allowShell: true })).toMatchObject({ id: 'tag-notes' });
  });

  it('are there again after a restart, and as they were', async () => {
    const disk = createMemoryDisk();
    {
      await using hooks = await openHooks({ disk });
      await hooks.service.create(input(), noShell);
      await hooks.service.create(input({ name: 'off', enabled: false }), noShell);
    }
    await using again = await openHooks({ disk });
    expect(await again.publish('custom.note.imported', {})).toEqual([
      'hook:off skipped',
      'hook:tag-notes pending',
    ]);
  });

  it('judge a text as if it lay in the hook directory', async () => {
    await using hooks = await openHooks();
    const text =
      '---\nname: a\ntrigger: { events: [{ type: custom.x }] }\naction: { type: script, script: a.js }\n---\n';
    for (const file of ['a.md', '../../etc/a.md', '/etc/a.md', 'x\0y'])
      expect(await hooks.service.validate({ text, file })).toMatchObject([
        { path: 'action.script', line: 4 },
      ]);
    expect(
      await hooks.service.validate({
        text: text.replace('script: a.js', 'source: "export default () => 1"'),
        file: 'a.md',
      }),
    ).toEqual([]);
  });
});
