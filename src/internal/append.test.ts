import { describe, expect, test } from 'vitest';
import { CrucibleError, type ErrorCode } from '../kernel/errors.ts';
import type { SentAppend } from '../log/following/leader.ts';
import type { AppendRequest } from '../log/log.ts';
import { openLeader, resultOf } from './testing/open-leader.ts';

const sent = (id: string, request: Partial<AppendRequest> = {}): SentAppend => ({
  id,
  epoch: 7,
  request: { events: [], ...request },
});

const event = {
  id: 'evt_1',
  type: 'custom.note.imported',
  version: '1.0.0',
  source: { kind: 'system' as const, component: 'test' },
  actor: 'system:test',
  subject: null,
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
  world: 'w',
  room: null,
};

describe('appends of another process', () => {
  test('arrive as they were sent, to the last key', async () => {
    const arrived: SentAppend[] = [];
    await using leader = await openLeader({
      appends: {
        append: async (sent) => {
          arrived.push(sent);
          return resultOf(sent);
        },
      },
    });
    const payload = JSON.parse(
      '{"__proto__": {"a": 1}, "n": 0.1, "deep": [[[{"u": "\\ud800é\\u0000"}]]]}',
    ) as object;
    const row = { id: 'r', big: 2 ** 53 - 1, none: null, list: [true, -1.5e-7] };
    const whole = sent('msg_1', {
      events: [{ ...event, payload: { ...payload } }],
      expect: [{ subject: 's', world: 'w', version: 'no_stream' }],
      idempotency: { scope: 's', key: 'k', hash: 'h' },
      mutations: [
        { op: 'create', table: 't', row },
        { op: 'patch', table: 't', id: 'r', when: { a: [1, null, 'x'], b: false }, set: { a: 2 } },
        { op: 'check', table: 't', id: 'r', when: {} },
        { op: 'remove', table: 't', id: 'r' },
      ],
      answer: { ok: true },
      clientIds: true,
      ledger: true,
    });
    const result = await leader.client.append(whole);
    expect(arrived).toEqual([whole]);
    expect(Object.keys(arrived[0]?.request.events[0]?.payload ?? {})).toEqual(Object.keys(payload));
    expect(result).toEqual(resultOf(whole));
  });

  test('go together while the ones before are under way, and stay in order', async () => {
    const arrived: string[] = [];
    let turns = 0;
    let inTurn = false;
    await using leader = await openLeader({
      appends: {
        append: async (sent) => {
          arrived.push(sent.id);
          // Those of one request are handed on in one turn.
          if (!inTurn) {
            turns += 1;
            inTurn = true;
            queueMicrotask(() => {
              inTurn = false;
            });
          }
          return resultOf(sent);
        },
      },
    });
    const ids = Array.from({ length: 10_000 }, (_, i) => `msg_${i}`);
    const results = await Promise.all(ids.map((id) => leader.client.append(sent(id))));
    expect(arrived).toEqual(ids);
    expect(results.map(({ answer }) => answer?.['id'])).toEqual(ids);
    expect(turns).toBe(Math.ceil(10_000 / 1_024));
  });

  test('of megabytes go in several requests', async () => {
    const sizes: number[] = [];
    await using leader = await openLeader({
      appends: {
        append: async (sent) => {
          sizes.push(JSON.stringify(sent).length);
          return resultOf(sent);
        },
      },
    });
    const text = 'x'.repeat(3 * 1024 * 1024);
    const big = (id: string) => sent(id, { mutations: [{ op: 'put', table: 't', row: { id: 'r', text } }] });
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => leader.client.append(big(id))));
    expect(sizes).toHaveLength(6);
  });

  test('that are too large, or that only the one that writes can make, are not sent', async () => {
    let calls = 0;
    await using leader = await openLeader({
      appends: {
        append: async (sent) => {
          calls += 1;
          return resultOf(sent);
        },
      },
    });
    const text = 'x'.repeat(16 * 1024 * 1024);
    const tooLarge = sent('a', { mutations: [{ op: 'put', table: 't', row: { id: 'r', text } }] });
    await expect(leader.client.append(tooLarge)).rejects.toMatchObject({ code: 'payload_too_large' });
    const changes = sent('b', { changes: [{ kind: 'x' }] });
    await expect(leader.client.append(changes)).rejects.toThrow('`changes`');
    expect(calls).toBe(0);
    await leader.client.append(sent('c', { ...(JSON.parse('{}') as object) }));
    expect(calls).toBe(1);
  });

  test('fail each for itself, with the same error', async () => {
    const errors: Record<string, Error> = {
      conflict: new CrucibleError('conflict', 'not so', {
        hint: 'look again',
        issues: [{ path: 'a.0', message: 'is 1', hint: 'h', line: 3 }],
        retryAfterMs: 250,
        cause: new Error('a secret of the cause'),
      }),
      broken: new TypeError('a secret of the program'),
    };
    await using leader = await openLeader({
      appends: {
        append: (sent) => {
          const error = errors[sent.id];
          if (error !== undefined) throw error;
          return Promise.resolve(resultOf(sent));
        },
      },
    });
    const settled = await Promise.allSettled(
      ['a', 'conflict', 'broken', 'b'].map((id) => leader.client.append(sent(id))),
    );
    const [first, conflict, broken, last] = settled;
    expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled']);
    const reason = conflict?.status === 'rejected' ? (conflict.reason as CrucibleError) : undefined;
    expect(reason).toBeInstanceOf(CrucibleError);
    expect(reason).toMatchObject({
      code: 'conflict',
      message: 'not so',
      hint: 'look again',
      issues: [{ path: 'a.0', message: 'is 1', hint: 'h', line: 3 }],
      retryAfterMs: 250,
    });
    expect(reason?.cause).toBeUndefined();
    expect(broken).toMatchObject({ reason: { code: 'internal' } });
    expect(leader.logged).toEqual(['an append of another process failed']);
    const requests = ['conflict', 'broken'].map((id) => sent(id));
    const answer = await leader.ask('POST', '/internal/v1/append', { body: JSON.stringify({ requests }) });
    expect(answer.body).toContain('not so');
    expect(answer.body).not.toContain('secret');
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, 'requests'],
    ['an empty list', { requests: [] }, 'requests'],
    ['no id', { requests: [{ epoch: 7, request: { events: [] } }] }, 'requests.0.id'],
    ['no epoch', { requests: [{ id: 'a', request: { events: [] } }] }, 'requests.0.epoch'],
    ['no events', { requests: [{ id: 'a', epoch: 7, request: {} }] }, 'requests.0.request.events'],
    [
      'an event that is none',
      { requests: [sent('a', { events: [{ ...event, payload: [] as never }] })] },
      'requests.0.request.events.0.payload',
    ],
    ['a registry change', { requests: [sent('a', { changes: [] })] }, 'requests.0.request'],
    [
      'an unknown mutation',
      { requests: [sent('a', { mutations: [{ op: 'drop' } as never] })] },
      'requests.0.request.mutations.0.op',
    ],
    [
      'a row without an id',
      { requests: [sent('a', { mutations: [{ op: 'put', table: 't', row: {} as never }] })] },
      'requests.0.request.mutations.0.row.id',
    ],
    ['a list of nothing', { requests: [null] }, 'requests.0'],
  ])('with %s are refused', async (_, body, path) => {
    await using leader = await openLeader();
    const answer = await leader.ask('POST', '/internal/v1/append', { body: JSON.stringify(body) });
    expect(answer.status).toBe(422);
    const problem = JSON.parse(answer.body) as { code: ErrorCode; errors: readonly { path: string }[] };
    expect(problem.code).toBe('invalid');
    expect(problem.errors.map(({ path }) => path)).toContain(path);
  });

  test('that lose their connection are sent again under the same id, once', async () => {
    const ids: string[] = [];
    let cut = (): void => undefined;
    await using leader = await openLeader({
      appends: {
        append: async (sent) => {
          ids.push(sent.id);
          if (ids.length === 1) cut();
          return resultOf(sent);
        },
      },
    });
    cut = leader.cut;
    expect(await leader.client.append(sent('msg_1'))).toEqual(resultOf(sent('msg_1')));
    expect(ids).toEqual(['msg_1', 'msg_1']);
  });

  test('are refused when nobody is there, and when the client is closed', async () => {
    const leader = await openLeader();
    await leader.server.close(0);
    await expect(leader.client.append(sent('a'))).rejects.toMatchObject({ code: 'log_unavailable' });
    const waiting = leader.client.append(sent('b'));
    const closed = leader.client.close();
    await expect(waiting).rejects.toMatchObject({ code: 'log_unavailable' });
    await expect(leader.client.append(sent('c'))).rejects.toMatchObject({ code: 'log_unavailable' });
    await closed;
  });
});
