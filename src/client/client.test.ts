import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleEvent } from '../../router/testing/fake-services.ts';
import { ADMIN_KEY, startServer } from '../http/testing/start-server.ts';
import type { TestServer } from '../http/testing/start-server.ts';
import { openStream } from '../stream/testing/open-stream.ts';
import { apiErrorOf, callHeaders, createClient } from './client.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.http.close(0));

const failure = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch (error) {
    return apiErrorOf(error);
  }
  throw new Error('nothing was thrown');
};

describe('the typed client', () => {
  const clientOf = (options: { key?: string; world?: string } = {}) =>
    createClient({ url: server.url, key: ADMIN_KEY, ...options });

  test('publishes with a key, a story and a world', async () => {
    const { data } = await clientOf({ world: 'work' }).events.publish.mutate(
      { type: 'custom.a', payload: { n: 1 } },
      {
        context: callHeaders({ idempotencyKey: 'k', correlationId: 'cor_mine', causationId: sampleEvent.id }),
      },
    );
    expect(data[0]?.type).toBe('custom.a');
    const call = server.calls.findLast(({ name }) => name === 'events.publish');
    expect(call?.args[1]).toMatchObject({ idempotency: { key: 'k' } });
    expect(call?.origin).toMatchObject({ world: 'work', correlation_id: 'cor_mine', depth: 4 });
  });

  test('the same request by REST and by tRPC has the same scope of its key', async () => {
    const scopes = async (send: () => Promise<unknown>): Promise<unknown> => {
      await send();
      return server.calls.findLast(({ name }) => name === 'events.publish')?.args[1];
    };
    const event = { type: 'custom.a', payload: {} };
    const byTrpc = await scopes(() =>
      clientOf().events.publish.mutate(event, { context: callHeaders({ idempotencyKey: 'k' }) }),
    );
    const byRest = await scopes(() =>
      server.ask('POST', '/api/v1/events', event, { 'idempotency-key': 'k' }),
    );
    const scope = JSON.stringify(['admin', 'default', 'POST /events']);
    expect([byTrpc, byRest]).toMatchObject([{ idempotency: { scope } }, { idempotency: { scope } }]);
  });

  test('reads, with filters longer than a URL', async () => {
    const types = Array.from({ length: 100 }, (_, i) => `custom.${'x'.repeat(190)}${i}`);
    const page = await clientOf().events.query.query({ types });
    expect(page.data[0]?.payload).toEqual(sampleEvent.payload);
    await clientOf().hooks.delete.mutate({ id: 'a' });
  });

  test('errors carry our code, hint, issues and the request id', async () => {
    expect(await failure(clientOf().events.get.query({ id: 'none' }))).toMatchObject({
      code: 'not_found',
      requestId: expect.stringMatching(/^req_/),
    });
    expect(await failure(clientOf().events.publish.mutate({ type: 'custom.a' }))).toMatchObject({
      code: 'invalid',
      errors: [{ path: 'payload' }],
    });
    expect(await failure(clientOf({ key: 'wrong' }).events.list.query({}))).toMatchObject({
      code: 'unauthenticated',
      hint: expect.any(String),
    });
    expect(
      await failure(createClient({ url: 'http://127.0.0.1:1', key: 'x' }).events.list.query({})),
    ).toBeUndefined();
  });
});

describe('the stream of the typed client', () => {
  test('gives events with the key and the world of the client, beside its calls', async () => {
    await using open = await openStream();
    await open.publish({ world: 'one' }, { world: 'two' });
    const url = `http://127.0.0.1:${open.port}`;
    const client = createClient({ url, key: ADMIN_KEY, world: 'two' });
    for await (const event of client.stream({ filters: [{ event_type: '*' }], after: 0 })) {
      expect(event).toEqual(await open.log.at(2));
      break;
    }
    const refused = createClient({ url, key: 'wrong' }).stream({ filters: [{ event_type: '*' }] });
    await expect(refused.next()).rejects.toMatchObject({ name: 'StreamError', code: 'unauthenticated' });
  });
});

describe('tRPC on the wire', () => {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    server.ask('POST', `/trpc/${path}`, body, headers);

  test('keeps the limits and the reading of JSON that REST has', async () => {
    expect(await post('events.publish', '{')).toMatchObject({
      status: 400,
      body: { error: { data: { code: 'malformed_request', httpStatus: 400 } } },
    });
    expect(
      await post('events.publish', `{"type":"custom.a","payload":{"n":9007199254740993}}`),
    ).toMatchObject({
      status: 422,
      body: { error: { data: { code: 'invalid', errors: [{ path: 'payload.n' }] } } },
    });
    expect(await post('events.publish', '['.repeat(100_000))).toMatchObject({ status: 400 });
    expect(await post('events.publish', `"${'x'.repeat(1024 * 1024)}"`)).toMatchObject({
      status: 413,
      body: { error: { data: { code: 'payload_too_large' } } },
    });
    expect(await post('events.publish', '{}', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
    });
  });

  test('without credentials only the document answers', async () => {
    expect(
      await server.ask('GET', '/trpc/system.openapi?input=%7B%7D', undefined, { authorization: '' }),
    ).toMatchObject({ status: 401 });
    const bare = await fetch(`${server.url}/trpc/system.openapi?input=%7B%7D`);
    expect(bare.status).toBe(200);
    const refused = await fetch(`${server.url}/trpc/events.list?input=%7B%7D`);
    expect([refused.status, await refused.json()]).toMatchObject([
      401,
      { error: { data: { code: 'unauthenticated' } } },
    ]);
  });

  test('an unknown procedure and a mutation by GET are refused without a stack', async () => {
    const unknown = await post('events.nothing', '{}');
    expect(unknown).toMatchObject({ status: 404, body: { error: { data: { code: 'not_found' } } } });
    expect(JSON.stringify(unknown.body)).not.toContain('stack');
    expect(await server.ask('GET', '/trpc/hooks.delete?input=%7B%22id%22%3A%22a%22%7D')).toMatchObject({
      status: 405,
    });
  });

  test('one key is for one call', async () => {
    expect(
      await post('events.publish,events.publish?batch=1', '{}', { 'idempotency-key': 'k' }),
    ).toMatchObject({ status: 400, body: { error: { data: { code: 'malformed_request' } } } });
  });

  test('a batch is bounded', async () => {
    const batch = (count: number) =>
      server.ask(
        'GET',
        `/trpc/${Array.from({ length: count }, () => 'system.openapi').join(',')}?batch=1&input=%7B%7D`,
      );
    expect((await batch(51)).status).toBe(400);
  });
});
