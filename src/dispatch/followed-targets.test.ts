import { describe, expect, it } from 'vitest';
import type { Committed } from '../log/log.ts';
import type { Row } from '../log/records.ts';
import { followTargets, type TargetRows } from './followed-targets.ts';

const HOOKS: TargetRows = {
  table: 'hook',
  idOf: (id) => `hook:${id}`,
  enabled: (row) => row['enabled'] === true,
};
const AGENTS: TargetRows = { table: 'agent', idOf: (id) => `agent:${id}`, enabled: () => true };

const open = (stored: Readonly<Record<string, readonly Row[]>>) => {
  const listeners: ((committed: Committed) => void)[] = [];
  const reading: (() => void)[] = [];
  const log = {
    onCommit: (listener: (committed: Committed) => void) => {
      listeners.push(listener);
      return () => undefined;
    },
    records: {
      list: async (table: string, { after, limit }: { readonly after?: string; readonly limit: number }) => {
        const page = (stored[table] ?? [])
          .filter(({ id }) => after === undefined || id > after)
          .slice(0, limit);
        await new Promise<void>((resolve) => reading.push(resolve));
        return page;
      },
    },
  };
  const tell = (told: Partial<Pick<Committed, 'changed' | 'removed'>>): void => {
    for (const listener of listeners)
      listener({ batch: 'b', events: [], reactions: [], changed: [], removed: [], ...told });
  };
  const readOn = async (): Promise<void> => {
    for (const resolve of reading.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { log, tell, readOn };
};

const hook = (id: string, enabled = true): Row => ({ id, enabled });

describe('the targets of a process that does not write', () => {
  it('are those that are stored, and follow what is told', async () => {
    const { log, tell, readOn } = open({
      hook: [hook('a'), hook('b', false)],
      agent: [{ id: 'default/scout' }],
    });
    const following = followTargets(log, [HOOKS, AGENTS]);
    for (let page = 0; page < 3; page += 1) await readOn();
    const targetOf = await following;
    expect(targetOf('hook:a')).toEqual({ id: 'hook:a', enabled: true });
    expect(targetOf('hook:b')).toEqual({ id: 'hook:b', enabled: false });
    expect(targetOf('agent:default/scout')?.enabled).toBe(true);
    expect(targetOf('hook:c')).toBeUndefined();
    tell({
      changed: [
        { table: 'hook', row: hook('a', false) },
        { table: 'hook', row: hook('c') },
      ],
    });
    expect(targetOf('hook:a')?.enabled).toBe(false);
    expect(targetOf('hook:c')?.enabled).toBe(true);
    tell({
      changed: [{ table: 'webhook', row: hook('c', false) }],
      removed: [
        { table: 'hook', id: 'b' },
        { table: 'webhook', id: 'c' },
        { table: 'agent', id: 'default/scout' },
      ],
    });
    expect(targetOf('hook:b')).toBeUndefined();
    expect(targetOf('hook:c')?.enabled).toBe(true);
    expect(targetOf('agent:default/scout')).toBeUndefined();
  });

  it('keep what is told while they are read', async () => {
    const { log, tell, readOn } = open({ hook: [hook('a'), hook('b'), hook('c', false)] });
    const following = followTargets(log, [HOOKS]);
    tell({ changed: [{ table: 'hook', row: hook('a', false) }], removed: [{ table: 'hook', id: 'b' }] });
    tell({ removed: [{ table: 'hook', id: 'c' }] });
    tell({ changed: [{ table: 'hook', row: hook('c') }] });
    await readOn();
    const targetOf = await following;
    expect(targetOf('hook:a')?.enabled).toBe(false);
    expect(targetOf('hook:b')).toBeUndefined();
    expect(targetOf('hook:c')?.enabled).toBe(true);
  });

  it('are all there, however many', async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => hook(`h${String(index).padStart(5, '0')}`));
    const { log, readOn } = open({ hook: many });
    const following = followTargets(log, [HOOKS]);
    for (let page = 0; page < 3; page += 1) await readOn();
    const targetOf = await following;
    expect(many.every(({ id }) => targetOf(`hook:${id}`) !== undefined)).toBe(true);
  });
});
