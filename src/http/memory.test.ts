import { describe, expect, it } from 'vitest';
import { newId } from '../kernel/ids.ts';
import { openMemories } from '../../test/support/memories.ts';
import { startServer } from './testing/start-server.ts';

/** REST over real memories: two in the world `default`, one in `lab`. */
const start = async () => {
  const open = await openMemories();
  const server = await startServer({ services: { memory: open.service } });
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    server.ask(method, `/api/v1/memory${path}`, body, headers);
  const make = async (content: string, world = 'default'): Promise<string> =>
    String((await ask('POST', '', { content }, { 'x-crucible-world': world })).body['id']);
  const [a, b, lab] = [await make('# A #text'), await make('[[A]]'), await make('# Lab', 'lab')];
  return {
    open,
    ask,
    a,
    b,
    lab,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await open[Symbol.asyncDispose]();
    },
  };
};
type Api = Awaited<ReturnType<typeof start>>;

describe('the REST of memories', () => {
  it('creates, reads, changes and deletes', async () => {
    await using api = await start();
    const made = await api.ask('POST', '', { content: '# T\n#x', name: 'file', metadata: { k: [1] } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      title: 'T',
      name: 'file',
      tags: ['#x'],
      metadata: { k: [1] },
      created_by: 'user:admin',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      links: [],
      backlinks: [],
    });
    const path = `/${String(made.body['id'])}`;
    expect((await api.ask('GET', path)).body).toEqual(made.body);
    const changed = await api.ask('PUT', path, { content: '# U', expected_hash: made.body['hash'] });
    expect(changed.body).toMatchObject({ title: 'U', name: 'file', metadata: { k: [1] }, tags: [] });
    const stale = await api.ask('PUT', path, { content: '# V', expected_hash: made.body['hash'] });
    expect([stale.status, stale.body['code']]).toEqual([409, 'expectation_failed']);
    expect((await api.ask('DELETE', path, { reason: 'done' })).status).toBe(204);
    expect((await api.ask('GET', path)).status).toBe(404);
    expect((await api.ask('DELETE', path)).status).toBe(404);
  });

  it('links, tags, finds, consolidates and prunes', async () => {
    await using api = await start();
    const { ask, a, b } = api;
    const linked = await ask('POST', `/${a}/link`, { to: b, link_type: 'cites', strength: 0.5 });
    expect(linked.body['links']).toEqual([
      { to: b, entity: null, kind: 'cites', written: null, strength: 0.5 },
    ]);
    expect((await ask('POST', `/${a}/unlink`, { to: b, link_type: 'cites' })).body['links']).toEqual([]);
    expect((await ask('POST', `/${a}/tag`, { tag: '#New' })).body['tags']).toEqual(['#text', '#new']);
    expect((await ask('POST', `/${a}/untag`, { tag: '#new' })).body['tags']).toEqual(['#text']);
    const found = await ask('POST', '/query', { tags: ['#text'], since: '2000-01-01T00:00:00Z', limit: 5 });
    expect(found.body).toMatchObject({ total: 1, page: 1, per_page: 5, semantic_by: null });
    const one = await ask('POST', '/consolidate', { ids: [a, b] });
    expect(one.status).toBe(201);
    expect((await ask('GET', `/${a}`)).body['consolidated_into']).toBe(one.body['id']);
    const rule = { older_than: '2100-01-01T00:00:00+01:00' };
    const pruned = await ask('POST', '/prune', { ...rule, dry_run: true });
    expect(pruned.body).toEqual({ ids: [one.body['id']], count: 1, dry_run: true, more: false });
    expect((await ask('POST', '/prune', rule)).body).toMatchObject({ count: 1, dry_run: false });
  });

  it('lists page by page, within what the caller sees', async () => {
    await using api = await start();
    const first = await api.ask('GET', '?limit=2');
    const cursor = String(first.body['next_cursor']);
    const second = await api.ask('GET', `?limit=2&cursor=${cursor}`);
    const idsOf = (body: Record<string, unknown>) => (body['data'] as { id: string }[]).map(({ id }) => id);
    expect([...idsOf(first.body), ...idsOf(second.body)].toSorted()).toEqual(
      [api.a, api.b, api.lab].toSorted(),
    );
    expect(second.body['next_cursor']).toBe(null);
    const lab = await api.ask('GET', '', undefined, { 'x-crucible-world': 'lab' });
    expect(idsOf(lab.body)).toEqual([api.lab]);
  });

  it.each(['', '/link', '/unlink', '/tag', '/untag'])('does POST %s once for one key', async (action) => {
    await using api = await start();
    const body = action === '' ? { content: 'x' } : action.endsWith('tag') ? { tag: '#k' } : { to: api.b };
    const path = action === '' ? '' : `/${api.a}${action}`;
    const key = { 'idempotency-key': 'k1' };
    const first = await api.ask('POST', path, body, key);
    const again = await api.ask('POST', path, body, key);
    expect(again.body).toEqual(first.body);
    const other = await api.ask(
      'POST',
      path,
      { ...body, ...(action === '' ? { content: 'y' } : { link_type: 'z' }) },
      key,
    );
    expect(other.body['code']).toBe(action.endsWith('tag') ? 'invalid' : 'idempotency_key_reused');
  });

  const big = 'x'.repeat(1024 * 1024);
  it.each<[string, string, (api: Api) => string, (api: Api) => unknown, number, string]>([
    ['no content', 'POST', () => '', () => ({}), 422, 'content'],
    ['empty content', 'POST', () => '', () => ({ content: '' }), 422, 'content'],
    ['content that is no text', 'POST', () => '', () => ({ content: 7 }), 422, 'content'],
    ['a mebibyte and more', 'POST', () => '', () => ({ content: big }), 413, ''],
    ['half a character', 'POST', () => '', () => '{"content": "\\ud800"}', 422, 'content'],
    ['NUL', 'POST', () => '', () => '{"content": "\\u0000"}', 422, 'content'],
    ['an unknown field', 'POST', () => '', () => ({ content: 'x', tags: ['#x'] }), 422, 'tags'],
    ['a blank name', 'POST', () => '', () => ({ content: 'x', name: '  ' }), 422, 'name'],
    [
      '__proto__',
      'POST',
      () => '',
      () => '{"content": "x", "metadata": {"__proto__": 1}}',
      422,
      'metadata.__proto__',
    ],
    ['a hash that is none', 'PUT', ({ a }) => `/${a}`, () => ({ expected_hash: 'x' }), 422, 'expected_hash'],
    ['a link to itself', 'POST', ({ a }) => `/${a}/link`, ({ a }) => ({ to: a }), 422, 'to'],
    ['a link to nobody', 'POST', ({ a }) => `/${a}/link`, () => ({ to: newId('msg') }), 422, 'to'],
    ['to unlink nobody', 'POST', ({ a }) => `/${a}/unlink`, () => ({ to: newId('msg') }), 422, 'to'],
    ['a link to another world', 'POST', ({ a }) => `/${a}/link`, ({ lab }) => ({ to: lab }), 422, 'to'],
    [
      'a link type of the graph',
      'POST',
      ({ a }) => `/${a}/link`,
      ({ b }) => ({ to: b, link_type: 'tagged' }),
      422,
      'link_type',
    ],
    ['no strength', 'POST', ({ a }) => `/${a}/link`, ({ b }) => ({ to: b, strength: 0 }), 422, 'strength'],
    ['a tag without #', 'POST', ({ a }) => `/${a}/tag`, () => ({ tag: 'x' }), 422, 'tag'],
    ['a tag of digits', 'POST', ({ a }) => `/${a}/tag`, () => ({ tag: '#12' }), 422, 'tag'],
    ['to take a tag of the text', 'POST', ({ a }) => `/${a}/untag`, () => ({ tag: '#text' }), 409, ''],
    ['a link of nobody', 'POST', () => `/${newId('msg')}/link`, ({ a }) => ({ to: a }), 404, ''],
    [
      'a strange id',
      'GET',
      () => `/${encodeURIComponent("msg_' OR 1=1; REMOVE TABLE memory")}`,
      () => undefined,
      404,
      '',
    ],
    ['too few to consolidate', 'POST', () => '/consolidate', ({ a }) => ({ ids: [a] }), 422, 'ids'],
    ['the same twice', 'POST', () => '/consolidate', ({ a }) => ({ ids: [a, a] }), 422, 'ids'],
    [
      'one that there is not',
      'POST',
      () => '/consolidate',
      ({ a }) => ({ ids: [a, newId('msg')] }),
      422,
      'ids.1',
    ],
    ['two worlds as one', 'POST', () => '/consolidate', ({ a, lab }) => ({ ids: [a, lab] }), 422, 'ids'],
    [
      'content and strategy',
      'POST',
      () => '/consolidate',
      ({ a, b }) => ({ ids: [a, b], content: 'x', strategy: 'join' }),
      422,
      'strategy',
    ],
    ['a prune of everything', 'POST', () => '/prune', () => ({}), 422, ''],
    ['a prune of too many', 'POST', () => '/prune', () => ({ tags: ['#x'], max: 101 }), 422, 'max'],
    [
      'a time without a zone',
      'POST',
      () => '/prune',
      () => ({ older_than: '2026-01-01T00:00:00' }),
      422,
      'older_than',
    ],
    ['no words', 'POST', () => '/query', () => ({ text: '…' }), 422, 'text'],
    ['page nought', 'POST', () => '/query', () => ({ page: 0 }), 422, 'page'],
    ['a page too far', 'POST', () => '/query', () => ({ page: 10_000, limit: 100 }), 422, 'page'],
    ['too much relevance', 'POST', () => '/query', () => ({ min_relevance: 2 }), 422, 'min_relevance'],
    ['a forged cursor', 'GET', () => '?cursor=i1.xxx', () => undefined, 400, ''],
    ['a limit too large', 'GET', () => '?limit=1000', () => undefined, 422, 'limit'],
    ['another method', 'PATCH', ({ a }) => `/${a}`, () => ({}), 405, ''],
  ])('refuses %s', async (_, method, path, body, status, issue) => {
    await using api = await start();
    const head = api.open.log.head();
    const answer = await api.ask(method, path(api), body(api));
    const issues = (answer.body['errors'] ?? []) as readonly { readonly path: string }[];
    expect([answer.status, issues[0]?.path ?? '']).toEqual([status, issue]);
    expect(api.open.log.head()).toBe(head);
  });
});
