import { describe, expect, it } from 'vitest';
import type { Issue } from '../../src/kernel/errors.ts';
import type { HookDefinition } from '../definition.ts';
import type { HookRow } from '../registry/row.ts';
import { planHooks, type HookFile } from './plan.ts';

const hookOf = (name: string, hash = 'h1') => ({ definition: { name } as HookDefinition, hash });
const good = (file: string, name: string, hash = 'h1', dir = '/a'): HookFile => ({
  path: `${dir}/${file}`,
  file,
  name,
  hook: hookOf(name, hash),
  issues: [],
});
const wrong: readonly Issue[] = [{ path: 'trigger', message: 'is missing', line: 2, column: 1 }];
const bad = (file: string, name?: string): HookFile => ({
  path: `/a/${file}`,
  file,
  name,
  hook: undefined,
  issues: wrong,
});
const row = (id: string, file: string | null, more: Partial<HookRow> = {}): HookRow => ({
  id,
  hash: 'h1',
  enabled: true,
  worlds: ['default'],
  file,
  errors: [],
  created_at: 1,
  updated_at: 1,
  ...more,
});

const plan = (files: readonly HookFile[], rows: readonly HookRow[], complete = true) => {
  const { register, unregister, report } = planHooks(files, rows, complete);
  return {
    register: register.map(({ hook, file }) => `${hook.definition.name}@${hook.hash} ${file}`),
    unregister,
    report: report.map(({ file, hook, issues }) => `${file} ${hook ?? '-'} ${issues.length}`),
  };
};
const nothing = { register: [], unregister: [], report: [] };

describe('planHooks', () => {
  it('registers what is new or changed, and nothing that is registered', () => {
    expect(plan([good('a.md', 'a')], [])).toEqual({ ...nothing, register: ['a@h1 a.md'] });
    expect(plan([good('a.md', 'a', 'h2')], [row('a', 'a.md')])).toEqual({
      ...nothing,
      register: ['a@h2 a.md'],
    });
    expect(plan([good('a.md', 'a')], [row('a', 'a.md')])).toEqual(nothing);
  });

  it('unregisters what vanished, never what was made through the API', () => {
    expect(plan([], [row('a', 'a.md'), row('b', null)])).toEqual({ ...nothing, unregister: ['a'] });
  });

  it('takes a renamed file for the same hook', () => {
    expect(plan([good('b.md', 'a')], [row('a', 'a.md')])).toEqual({ ...nothing, register: ['a@h1 b.md'] });
  });

  it('takes a renamed hook for another one', () => {
    expect(plan([good('a.md', 'b')], [row('a', 'a.md')])).toEqual({
      ...nothing,
      register: ['b@h1 a.md'],
      unregister: ['a'],
    });
  });

  it('keeps the last good version of a broken file, whatever its name has become', () => {
    for (const broken of [bad('a.md', 'a'), bad('a.md')])
      expect(plan([broken], [row('a', 'a.md')])).toEqual({ ...nothing, report: ['a.md a 1'] });
    const told = row('a', 'a.md', {
      errors: [{ path: 'trigger', message: 'is missing', line: 2, column: 1 }],
    });
    expect(plan([bad('a.md', 'a')], [told])).toEqual(nothing);
  });

  it('clears the errors of a file that is right again', () => {
    const told = row('a', 'a.md', { errors: [{ path: 'trigger', message: 'is missing' }] });
    expect(plan([good('a.md', 'a')], [told])).toEqual({ ...nothing, report: ['a.md a 0'] });
  });

  it('tells both files of one name, and leaves what runs alone', () => {
    const two = [good('a.md', 'a', 'h2'), good('b.md', 'a', 'h3')];
    expect(plan(two, [row('a', 'a.md')])).toEqual({ ...nothing, report: ['a.md a 1', 'b.md - 1'] });
    expect(plan(two, [])).toEqual({ ...nothing, report: ['a.md - 1', 'b.md - 1'] });
    const [issue] = planHooks(two, [], true).problems.get('b.md') ?? [];
    expect(issue?.message).toContain('`a.md` and `b.md`');
    expect(plan([good('a.md', 'a'), bad('b.md', 'a')], [row('a', 'a.md')]).register).toEqual([]);
  });

  it('tells files of one name in two directories apart', () => {
    const two = [good('a.md', 'a', 'h2'), good('a.md', 'a', 'h3', '/b')];
    expect(plan(two, [row('a', 'a.md')])).toMatchObject({ register: [], unregister: [] });
    expect(plan([good('x.md', 'a'), good('x.md', 'b', 'h1', '/b')], [])).toMatchObject({
      register: ['a@h1 x.md', 'b@h1 x.md'],
    });
  });

  it('leaves a hook of the API alone and says so', () => {
    expect(plan([good('a.md', 'a', 'h2')], [row('a', null)])).toEqual({ ...nothing, report: ['a.md - 1'] });
  });

  it('unregisters nothing while a directory cannot be read', () => {
    expect(plan([], [row('a', 'a.md')], false)).toEqual(nothing);
  });
});
