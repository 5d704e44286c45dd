import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiErrorOf, callHeaders, createClient } from '../../src/client/client.ts';
import { readAll } from '../crash/audit.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Reading some hundred events in every way that the API has, and the typed client against the real server. */

interface Event {
  readonly id: string;
  readonly type: string;
  readonly position: number;
  readonly timestamp: string;
  readonly actor: string;
  readonly subject: string | null;
  readonly room: string | null;
  readonly world: string;
  readonly correlation_id: string;
  readonly source: { readonly kind: string };
  readonly payload: { readonly n?: number; readonly tags?: readonly string[] };
}

let stack: Stack;
let rest: Rest;
/** Everything that stands in the log once nothing moves any more. */
let all: readonly Event[];

beforeAll(async () => {
  stack = await startStack();
  ({ rest } = stack);
  const hook = {
    name: 'echo',
    permissions: ['events:emit'],
    trigger: { events: [{ type: 'custom.api.c' }] },
    action: {
      type: 'script',
      source:
        "export default ({ event }, crucible) => crucible.events.emit({ type: 'custom.echo', payload: { n: event.payload.n } });",
    },
  };
  await rest('POST', '/hooks', hook);
  for (let batch = 0; batch < 24; batch += 1) {
    const events = Array.from({ length: 20 }, (_, i) => {
      const n = batch * 20 + i;
      return {
        type: `custom.api.${n % 40 === 0 ? 'c' : n % 3 === 0 ? 'b' : 'a'}`,
        subject: `sub_${n % 10}`,
        ...(n % 4 === 0 && { room: 'research' }),
        payload: { n, tags: n % 2 === 0 ? ['#even'] : ['#odd', '#x'] },
      };
    });
    await rest(
      'POST',
      '/events',
      { events },
      {
        'x-correlation-id': `story-${batch % 4}`,
        'x-crucible-world': batch % 6 === 5 ? 'work' : 'default',
      },
    );
  }
  // Twelve events made by the hook, and one end for each.
  for (let ended = 0; ended < 12;) {
    const { body } = await rest('GET', '/hooks/echo/runs?state=succeeded');
    ended = body.data.length;
    if (ended < 12) await pause(50);
  }
  all = (await readAll(rest)) as unknown as readonly Event[];
});
afterAll(() => stack?.[Symbol.asyncDispose]());

/** All pages of a list, each as long as it may be, never longer. */
const pages = async (
  ask: (
    cursor: string | undefined,
  ) => Promise<{ status: number; body: { data: Event[]; next_cursor: string | null } }>,
  limit: number,
): Promise<number[]> => {
  const positions: number[] = [];
  let cursor: string | undefined;
  for (let turn = 0; turn < 1_000; turn += 1) {
    const { status, body } = await ask(cursor);
    expect([status, body]).toMatchObject([200, {}]);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    positions.push(...body.data.map(({ position }) => position));
    if (body.next_cursor === null) return positions;
    cursor = body.next_cursor;
  }
  throw new Error('the list does not end');
};
const list = (query: Record<string, string>, limit: number): Promise<number[]> =>
  pages((cursor) => {
    const search = new URLSearchParams({
      ...query,
      limit: String(limit),
      ...(cursor !== undefined && { cursor }),
    });
    return rest('GET', `/events?${search.toString()}`);
  }, limit);
const query = (body: object, limit: number): Promise<number[]> =>
  pages(
    (cursor) => rest('POST', '/events/query', { ...body, limit, ...(cursor !== undefined && { cursor }) }),
    limit,
  );
const positionsOf = (wanted: (event: Event) => boolean): number[] =>
  all.filter(wanted).map(({ position }) => position);
const at = (index: number): Event => all[index] ?? expect.fail('there are some hundred events');

describe('the log', () => {
  it('has all of it, in one order without gaps', () => {
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index + 1));
    expect(positionsOf(({ type }) => type.startsWith('custom.api.'))).toHaveLength(480);
    expect(positionsOf(({ type }) => type === 'custom.echo')).toHaveLength(12);
    expect(all.map(({ timestamp }) => timestamp)).toEqual(all.map(({ timestamp }) => timestamp).toSorted());
  });

  it.each<[what: string, query: Record<string, string>, wanted: (event: Event) => boolean]>([
    ['everything', {}, () => true],
    ['one type', { type: 'custom.api.b' }, ({ type }) => type === 'custom.api.b'],
    [
      'two types',
      { types: 'custom.api.c,custom.echo' },
      ({ type }) => ['custom.api.c', 'custom.echo'].includes(type),
    ],
    ['a family', { type: 'hook.*' }, ({ type }) => type.startsWith('hook.')],
    ['part of a family', { type: 'custom.api.*' }, ({ type }) => type.startsWith('custom.api.')],
    ['the other spelling', { type: 'Custom.Api.B' }, ({ type }) => type === 'custom.api.b'],
    ['an actor', { actor: 'hook:echo' }, ({ actor }) => actor === 'hook:echo'],
    ['nobody', { actor: 'user:nobody' }, () => false],
    ['a subject', { subject: 'sub_7' }, ({ subject }) => subject === 'sub_7'],
    ['a story', { correlation_id: 'story-2' }, (event) => event.correlation_id === 'story-2'],
    ['a room', { room: 'research' }, ({ room }) => room === 'research'],
    ['a world', { world: 'work' }, ({ world }) => world === 'work'],
    ['a kind of source', { source: 'system' }, ({ source }) => source.kind === 'system'],
    [
      'several of these',
      { type: 'custom.api.a', subject: 'sub_1', correlation_id: 'story-1' },
      (event) =>
        event.type === 'custom.api.a' && event.subject === 'sub_1' && event.correlation_id === 'story-1',
    ],
    [
      'positions between',
      { after: '100', before: '200' },
      ({ position }) => position > 100 && position < 200,
    ],
    ['past the end', { after: '100000' }, () => false],
    ['the whole past', { to_time: '2000-01-01T00:00:00Z' }, () => false],
    ['the future', { from_time: '2999-01-01T00:00:00Z' }, () => false],
  ])('by %s, page by page, in both orders', async (_what, search, wanted) => {
    const expected = positionsOf(wanted);
    expect(await list({ ...search, order: 'asc' }, 37)).toEqual(expected);
    expect(await list({ ...search, order: 'desc' }, 37)).toEqual(expected.toReversed());
    expect(await list(search, 1000)).toEqual(expected.toReversed());
  });

  it('by time, from one moment on and before another', async () => {
    const from = at(150).timestamp;
    const to = at(390).timestamp;
    const expected = positionsOf(({ timestamp }) => timestamp >= from && timestamp < to);
    expect(expected.length).toBeGreaterThan(100);
    for (const zone of [from, from.replace('Z', '+00:00')])
      expect(await list({ from_time: zone, to_time: to, order: 'asc' }, 50)).toEqual(expected);
    expect(await list({ from_time: from, to_time: to, type: 'custom.api.b', order: 'desc' }, 7)).toEqual(
      positionsOf(
        (event) => event.timestamp >= from && event.timestamp < to && event.type === 'custom.api.b',
      ).toReversed(),
    );
    expect(await list({ from_time: to, to_time: from }, 50)).toEqual([]);
  });

  it.each<[what: string, body: object, wanted: (event: Event) => boolean]>([
    [
      'a condition on the payload',
      {
        type: 'custom.api.*',
        filter: { n: { greater_than: 100, less_than: 300 }, tags: { contains: '#odd' } },
      },
      ({ type, payload: { n = 0, tags } }) =>
        type.startsWith('custom.api.') && n > 100 && n < 300 && tags?.includes('#odd') === true,
    ],
    [
      'an expression',
      {
        types: ['custom.api.a', 'custom.api.b'],
        when: 'event.payload.n % 7 == 0 && event.subject == "sub_4"',
      },
      ({ type, subject, payload: { n = 1 } }) => /\.[ab]$/.test(type) && n % 7 === 0 && subject === 'sub_4',
    ],
    [
      'one of several filters',
      {
        filters: [
          { event_type: 'custom.echo' },
          { event_type: 'custom.api.c', filter: { n: { in: [0, 40, 80] } } },
          { event_type: 'hook.executed', envelope: { actor: { equals: 'hook:echo' } } },
        ],
      },
      ({ type, actor, payload: { n = -1 } }) =>
        type === 'custom.echo' ||
        (type === 'custom.api.c' && [0, 40, 80].includes(n)) ||
        (type === 'hook.executed' && actor === 'hook:echo'),
    ],
    [
      'a regular expression',
      { filters: [{ event_type: '*', envelope: { subject: { matches: '^sub_[12]$' } } }] },
      ({ subject }) => subject === 'sub_1' || subject === 'sub_2',
    ],
  ])('by %s', async (_what, body, wanted) => {
    const expected = positionsOf(wanted);
    expect(expected.length).toBeGreaterThan(5);
    expect(await query({ ...body, order: 'asc' }, 9)).toEqual(expected);
    expect(await query({ ...body, order: 'desc' }, 9)).toEqual(expected.toReversed());
  });

  it('tells the story of an event, page by page', async () => {
    const one = all.find((event) => event.correlation_id === 'story-2');
    const expected = positionsOf((event) => event.correlation_id === 'story-2');
    expect(expected.length).toBeGreaterThan(120);
    const trace = await pages((cursor) => {
      const search = new URLSearchParams({ limit: '25', ...(cursor !== undefined && { cursor }) });
      return rest('GET', `/events/${one?.id}/trace?${search.toString()}`);
    }, 25);
    expect(trace).toEqual(expected);
  });

  it('pages backwards undisturbed by what is published meanwhile, and forwards into it', async () => {
    const { body: newest } = await rest('GET', '/events?limit=10&type=custom.api.*');
    const { body: oldest } = await rest('GET', '/events?limit=100&order=asc&type=custom.late');
    expect(oldest).toEqual({ data: [], next_cursor: null });
    await rest('POST', '/events', { type: 'custom.late', payload: {} });
    const search = new URLSearchParams({ limit: '10', type: 'custom.api.*', cursor: newest.next_cursor });
    const { body: next } = await rest('GET', `/events?${search.toString()}`);
    const wanted = positionsOf(({ type }) => type.startsWith('custom.api.')).toReversed();
    expect([...newest.data, ...next.data].map(({ position }: Event) => position)).toEqual(
      wanted.slice(0, 20),
    );
    expect((await rest('GET', '/events?limit=100&order=asc&type=custom.late')).body.data).toHaveLength(1);
  });

  it('gives each event by its id as the list does', async () => {
    for (const index of [0, 100, 333])
      expect((await rest('GET', `/events/${at(index).id}`)).body).toEqual(at(index));
  });
});

describe('the document', () => {
  it('is served to everybody, and everything in it is there and asks for credentials', async () => {
    const anybody = restOf(stack.server.url, '');
    const { status, body } = await anybody('GET', '/openapi.json', undefined, { authorization: '' });
    expect([status, body.openapi]).toEqual([200, '3.0.3']);
    const operations = Object.entries(body.paths as Record<string, Record<string, object>>).flatMap(
      ([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    );
    expect(operations.length).toBeGreaterThan(20);
    const base = new URL(body.servers[0].url, stack.server.url).pathname.replace(/\/$/, '');
    // Every second one: so many failed attempts of one address would be told to wait.
    for (const { method, path } of operations.filter((_, index) => index % 2 === 0)) {
      const inApi = `${base}${path}`.replace(/^\/api\/v1/, '').replaceAll(/\{\w+\}/g, 'x');
      const answer = await anybody(method, inApi, undefined, { authorization: '' });
      expect([method, inApi, answer.status]).toEqual([method, inApi, inApi === '/openapi.json' ? 200 : 401]);
    }
    expect((await anybody('GET', '/events', undefined, { authorization: '' })).status).toBe(401);
  });

  it('lists every type of event with a schema and an example', async () => {
    const { body } = await rest('GET', '/event-types');
    expect(body.data.length).toBeGreaterThan(40);
    for (const type of body.data)
      expect(type).toMatchObject({
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        schema: { type: 'object' },
        example: {},
      });
  });

  it('answers HEAD and OPTIONS, with harmless headers', async () => {
    const head = await rest('HEAD', '/events');
    expect([head.status, head.body]).toEqual([200, undefined]);
    const options = await rest('OPTIONS', '/events');
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS, POST']);
    expect(head.headers.get('x-content-type-options')).toBe('nosniff');
    expect(head.headers.get('x-powered-by')).toBeNull();
    expect(head.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the typed client', () => {
  it('does against the real server what REST does', async () => {
    const client = createClient({ url: stack.server.url, key: TEST_KEY });
    const cause = at(5);
    const { data } = await client.events.publish.mutate(
      { type: 'custom.client', payload: { n: 1 } },
      { context: callHeaders({ causationId: cause.id }) },
    );
    const id = data[0]?.id ?? '';
    expect(await client.events.get.query({ id })).toMatchObject({
      type: 'custom.client',
      causation_id: cause.id,
      correlation_id: cause.correlation_id,
      depth: 1,
    });
    const page = await client.events.query.query({ types: ['custom.echo'], order: 'asc', limit: 5 });
    expect(page.data.map(({ position }) => position)).toEqual(
      positionsOf(({ type }) => type === 'custom.echo').slice(0, 5),
    );
    const next = await client.events.query.query({
      types: ['custom.echo'],
      order: 'asc',
      limit: 5,
      cursor: page.next_cursor ?? '',
    });
    expect(next.data[0]?.position).toBe(positionsOf(({ type }) => type === 'custom.echo')[5]);

    const runs = await client.hooks.runs.query({ id: 'echo', limit: 3 });
    expect(runs.data).toHaveLength(3);
    const run = await client.runs.get.query({ id: runs.data[0]?.id ?? '' });
    expect(run).toMatchObject({
      state: 'succeeded',
      attempts: [{ number: 1 }],
      definition: { name: 'echo' },
    });

    const made = await client.webhooks.create.mutate({
      url: 'http://127.0.0.1:9/',
      filters: [{ event_type: 'custom.never' }],
    });
    expect(made.secret).toMatch(/^whsec_/);
    expect(await client.webhooks.list.query({})).toMatchObject({ data: [{ id: made.id }] });
    await client.webhooks.delete.mutate({ id: made.id });
  });

  it('tells errors by the same codes', async () => {
    const failure = async (work: Promise<unknown>) => {
      try {
        await work;
      } catch (error) {
        return apiErrorOf(error);
      }
      throw new Error('nothing was thrown');
    };
    const client = createClient({ url: stack.server.url, key: TEST_KEY });
    expect(await failure(client.events.get.query({ id: 'evt_none' }))).toMatchObject({ code: 'not_found' });
    expect(
      await failure(client.events.publish.mutate({ type: 'memory.created', payload: {} })),
    ).toMatchObject({
      code: 'reserved_type',
      errors: [{ path: 'type' }],
      requestId: expect.any(String),
    });
    expect(await failure(client.events.list.query({ limit: 0 }))).toMatchObject({
      code: 'invalid',
      errors: [{ path: 'limit' }],
    });
    const stranger = createClient({ url: stack.server.url, key: 'x'.repeat(40) });
    expect(await failure(stranger.events.list.query({}))).toMatchObject({ code: 'unauthenticated' });
  });
});
