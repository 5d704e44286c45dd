import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleEvent, sampleRun } from '../../router/testing/fake-services.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.http.close(0));

const lastCall = (name: string) => server.calls.findLast((call) => call.name === name);
const EVENT = { type: 'custom.note.imported', payload: { title: 'x' } };

describe('publishing', () => {
  test('one event: 201, with its place in the log', async () => {
    const answer = await server.ask('POST', '/api/v1/events', { ...EVENT, subject: 'note-1' });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      data: [
        {
          id: 'evt_0',
          position: 1,
          type: 'custom.note.imported',
          correlation_id: expect.stringMatching(/^cor_/),
          duplicate: false,
        },
      ],
    });
    expect(lastCall('events.publish')?.args[0]).toEqual([{ ...EVENT, subject: 'note-1' }]);
  });

  test('several events, and the split form of a type', async () => {
    const events = [EVENT, { type: 'Custom', event: 'Note.Imported', payload: {} }];
    expect((await server.ask('POST', '/api/v1/events', { events })).status).toBe(201);
    expect(lastCall('events.publish')?.args[0]).toEqual([
      EVENT,
      { type: 'Custom.Note.Imported', payload: {} },
    ]);
  });

  test.each([
    ['nothing', {}, ['type', 'payload']],
    ['no payload', { type: 'custom.a' }, ['payload']],
    ['a payload that is no object', { type: 'custom.a', payload: [1] }, ['payload']],
    ['both forms', { events: [EVENT], type: 'custom.a' }, ['type']],
    ['no events', { events: [] }, ['events']],
    ['1,001 events', { events: Array.from({ length: 1001 }, () => EVENT) }, ['events']],
    ['unknown fields', { ...EVENT, actor: 'user:root', wrold: 'x' }, ['actor', 'wrold']],
    [
      'one bad event among good ones',
      { events: [EVENT, { ...EVENT, type: '' }, { payload: {}, world: 'x' }] },
      ['events.1.type', 'events.2.type', 'events.2.world'],
    ],
  ])('%s: 422, every issue with its path', async (_name, body, paths) => {
    const answer = await server.ask('POST', '/api/v1/events', body);
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      code: 'invalid',
      type: 'urn:crucible:error:invalid',
      status: 422,
      request_id: answer.headers.get('x-request-id'),
    });
    expect((answer.body['errors'] as { path: string }[]).map((issue) => issue.path)).toEqual(paths);
  });

  test('an idempotency key: scope of principal, world and route, hash of the bytes as they came', async () => {
    const send = async (text: string, world: string) => {
      await server.ask('POST', '/api/v1/events', text, {
        'idempotency-key': 'k-1',
        'x-crucible-world': world,
      });
      return lastCall('events.publish')?.args[1] as {
        idempotency: { scope: string; key: string; hash: string };
      };
    };
    const first = await send(JSON.stringify(EVENT), 'default');
    const spaced = await send(JSON.stringify(EVENT, null, 1), 'default');
    const elsewhere = await send(JSON.stringify(EVENT), 'work');
    expect(first.idempotency.key).toBe('k-1');
    expect(first.idempotency.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(spaced.idempotency.hash).not.toBe(first.idempotency.hash);
    expect(spaced.idempotency.scope).toBe(first.idempotency.scope);
    expect(elsewhere.idempotency.hash).toBe(first.idempotency.hash);
    expect(elsewhere.idempotency.scope).not.toBe(first.idempotency.scope);
    expect(
      (await server.ask('POST', '/api/v1/events', EVENT, { 'idempotency-key': 'x'.repeat(256) })).status,
    ).toBe(400);
  });
});

describe('bodies that are refused', () => {
  test.each([
    ['broken JSON', '{"type":', 400, 'malformed_request'],
    [
      'depth 10,000',
      `{"type":"custom.a","payload":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_001)}`,
      400,
      'malformed_request',
    ],
    ['bad UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'malformed_request'],
    ['no object', '[1]', 422, 'invalid'],
    ['a lone surrogate', '{"type":"custom.a","payload":{"a":"\\ud800"}}', 422, 'invalid'],
    ['a NUL', '{"type":"custom.a","payload":{"a":"\\u0000"}}', 422, 'invalid'],
    ['2^53 + 1', '{"type":"custom.a","payload":{"a":9007199254740993}}', 422, 'invalid'],
    ['__proto__', '{"type":"custom.a","payload":{"__proto__":{"admin":true}}}', 422, 'invalid'],
  ])('%s: %s', async (_name, body, status, code) => {
    const answer = await server.ask('POST', '/api/v1/events', body);
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('2^53 arrives as it was sent', async () => {
    await server.ask(
      'POST',
      '/api/v1/events',
      '{"type":"custom.a","payload":{"a":9007199254740992,"b":0.1}}',
    );
    expect(lastCall('events.publish')?.args[0]).toEqual([
      { type: 'custom.a', payload: { a: 2 ** 53, b: 0.1 } },
    ]);
  });

  test('another content type, or none, or another charset: 415', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
    ]) {
      expect(
        await server.ask('POST', '/api/v1/events', JSON.stringify(EVENT), { 'content-type': type }),
      ).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    }
    expect(
      (
        await server.ask('POST', '/api/v1/events', JSON.stringify(EVENT), {
          'content-type': 'application/json; charset="UTF-8"',
        })
      ).status,
    ).toBe(201);
  });

  test('1 MiB passes the limit, one byte more does not, announced or in chunks', async () => {
    const of = (size: number): string => {
      const empty = JSON.stringify({ type: 'custom.a', payload: { a: '' } });
      return JSON.stringify({ type: 'custom.a', payload: { a: 'x'.repeat(size - empty.length) } });
    };
    const limit = 1024 * 1024;
    expect((await server.ask('POST', '/api/v1/events', of(limit))).status).toBe(201);
    expect(await server.ask('POST', '/api/v1/events', of(limit + 1))).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    });
    const chunked = async (text: string): Promise<number> => {
      const response = await fetch(`${server.url}/api/v1/events`, {
        method: 'POST',
        headers: {
          authorization: 'Bearer an-admin-key-of-thirty-two-characters-or-more',
          'content-type': 'application/json',
        },
        body: new Blob([text]).stream(),
        duplex: 'half',
      });
      await response.text();
      return response.status;
    };
    expect(await chunked(of(limit))).toBe(201);
    expect(await chunked(of(limit + 1))).toBe(413);
  });

  test('a compressed body is refused, however small', async () => {
    const { gzipSync } = await import('node:zlib');
    const bomb = gzipSync(Buffer.alloc(4 * 1024 * 1024, 0x20));
    expect(await server.ask('POST', '/api/v1/events', bomb, { 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
  });
});

describe('the faults of the generator’s own request side do not happen here', () => {
  test('a POST body is not coerced', async () => {
    expect(await server.ask('POST', '/api/v1/events/query', { limit: '5' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'limit' }] },
    });
    expect(
      await server.ask('POST', '/api/v1/webhooks', {
        url: 'https://example.org',
        filters: [{ event_type: '*' }],
        enabled: 'false',
      }),
    ).toMatchObject({ status: 422, body: { errors: [{ path: 'enabled' }] } });
  });

  test('path parameters are decoded', async () => {
    await server.ask('GET', '/api/v1/events/a%2Fb%20%C3%A9');
    expect(lastCall('events.get')?.args[0]).toBe('a/b é');
    expect((await server.ask('GET', '/api/v1/events/%ED%A0%80')).status).toBe(400);
    expect((await server.ask('GET', '/api/v1/events/%00')).status).toBe(400);
  });

  test('a POST without a body is an empty object, not 415', async () => {
    expect((await server.ask('POST', '/api/v1/hooks/a/disable')).status).toBe(200);
    expect(lastCall('hooks.setEnabled')?.args).toEqual(['a', false]);
    expect((await server.ask('POST', '/api/v1/events/query')).status).toBe(200);
  });

  test('a wrong method is 405 with Allow, not 404', async () => {
    const answer = await server.ask('PATCH', '/api/v1/events');
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    expect((await server.ask('DELETE', '/api/v1/events/x')).headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    expect((await server.ask('OPTIONS', '/api/v1/hooks/a')).headers.get('allow')).toBe(
      'DELETE, GET, HEAD, OPTIONS, PUT',
    );
  });

  test('nothing of a stack or a message of ours reaches the client; the log has it', async () => {
    await using broken = await startServer({
      services: {
        eventTypes: () => {
          throw new TypeError('secret detail at /srv/app');
        },
      },
    });
    const answer = await broken.ask('GET', '/api/v1/event-types');
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/secret|srv|at .*\.ts|TypeError/);
    expect(broken.logged.filter(({ level }) => level === 'error')).toMatchObject([
      {
        level: 'error',
        fields: {
          request_id: answer.body['request_id'],
          code: 'internal',
          cause: expect.stringContaining('secret detail'),
        },
      },
    ]);
  });

  test.each([
    ['memory/query', 'POST'],
    ['memory/import', 'POST'],
    ['memory/consolidate', 'POST'],
    ['memory/prune', 'POST'],
    ['events/query', 'POST'],
    ['files/scan', 'POST'],
    ['hooks/validate', 'POST'],
  ])('/%s is never an id: other methods are 405, and Allow has only its own', async (path, own) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await server.ask(method, `/api/v1/${path}`);
      expect([method, answer.status]).toEqual([method, method === 'OPTIONS' ? 204 : 405]);
      expect(answer.headers.get('allow')).toBe(`OPTIONS, ${own}`);
    }
  });

  test('an exact path wins over a parameter', async () => {
    expect(await server.ask('POST', '/api/v1/hooks/validate', { text: '---' })).toMatchObject({
      status: 200,
      body: { valid: false },
    });
    expect(lastCall('hooks.validate')?.args).toEqual([{ text: '---', file: 'hook.md' }]);
  });

  test('the body of a DELETE is read, and judged', async () => {
    expect(await server.ask('DELETE', '/api/v1/hooks/a', { force: true })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'force' }] },
    });
    expect(await server.ask('DELETE', '/api/v1/hooks/a', '{')).toMatchObject({ status: 400 });
    expect(await server.ask('DELETE', '/api/v1/hooks/a')).toMatchObject({ status: 204, body: { text: '' } });
    expect(lastCall('hooks.remove')?.args).toEqual(['a']);
  });

  test('a query says what it says: numbers, lists, and nothing else', async () => {
    const answer = await server.ask(
      'GET',
      '/api/v1/events?types=custom.a,custom.b&types=custom.c&limit=5&after=0&order=asc&from_time=2026-11-24T10:30:00%2B01:00',
    );
    expect(answer.status).toBe(200);
    expect(lastCall('events.query')?.args[0]).toEqual({
      types: ['custom.a', 'custom.b', 'custom.c'],
      limit: 5,
      after: 0,
      order: 'asc',
      from_time: Date.UTC(2026, 10, 24, 9, 30),
    });
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1000000000', 'limit'],
    ['limit=5x', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['order=sideways', 'order'],
    ['from_time=yesterday', 'from_time'],
    ['unknown=1', 'unknown'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
  ])('GET /events?%s is 422', async (search, path) => {
    expect(await server.ask('GET', `/api/v1/events?${search}`)).toMatchObject({
      status: 422,
      body: { code: 'invalid', errors: [{ path }] },
    });
  });

  test('a field is not read from two places', async () => {
    expect(await server.ask('POST', '/api/v1/events?type=custom.a', EVENT)).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'type' }] },
    });
    expect(await server.ask('PUT', '/api/v1/hooks/a', { id: 'b' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'id' }] },
    });
  });
});

describe('tRPC', () => {
  test.each([
    [
      'too deep',
      `{"filter":{"a":{"equals":${'['.repeat(200)}${']'.repeat(200)}}}}`,
      400,
      'malformed_request',
    ],
    ['not JSON', '{', 400, 'malformed_request'],
    ['a NUL', String.raw`{"actor":"\u0000"}`, 422, 'invalid'],
    ['__proto__', '{"__proto__":{}}', 422, 'invalid'],
  ])('an input in the URL is read as strictly as a body: %s', async (_what, input, status, code) => {
    const path = `/trpc/events.query?input=${encodeURIComponent(input)}`;
    expect(await server.ask('GET', path)).toMatchObject({ status, body: { error: { data: { code } } } });
  });
});

describe('answers', () => {
  test('an event as it stands in the log', async () => {
    expect(await server.ask('GET', `/api/v1/events/${sampleEvent.id}`)).toMatchObject({
      status: 200,
      body: sampleEvent,
    });
  });

  test('HEAD is GET without the body', async () => {
    const answer = await server.ask('HEAD', `/api/v1/events/${sampleEvent.id}`);
    expect(answer).toMatchObject({ status: 200, body: {} });
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(100);
  });

  test('a run: times in ISO, attempts and definition, nothing that is ours alone', async () => {
    const answer = await server.ask('GET', `/api/v1/runs/${sampleRun.id}`);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        created_at: '2026-11-24T00:00:00.000Z',
        started_at: '2026-11-24T00:00:01.000Z',
        finished_at: null,
        attempt_count: 1,
        attempts: [{ number: 1, detail: { status: 504 } }],
        definition: { url: 'https://example.org' },
      },
    });
    expect(JSON.stringify(answer.body)).not.toMatch(/claim_token|never shown|sweep_at|newest/);
  });

  test('a run has a link to its workflow, where there is one', async () => {
    const linked = await server.ask('GET', `/api/v1/runs/${sampleRun.id}`);
    expect(linked.body['temporal_url']).toBe('http://ui.test/webhook:whk_1:evt_1');
    await using unlinked = await startServer({ services: { workflowUrl: () => undefined } });
    expect((await unlinked.ask('GET', `/api/v1/runs/${sampleRun.id}`)).body['temporal_url']).toBeNull();
  });

  test('replay: 202 and the next generation', async () => {
    expect(await server.ask('POST', `/api/v1/runs/${sampleRun.id}/replay`)).toMatchObject({
      status: 202,
      body: { state: 'pending', generation: 1 },
    });
  });

  test('a webhook with its secret, once', async () => {
    const created = await server.ask(
      'POST',
      '/api/v1/webhooks',
      {
        url: 'https://example.org',
        filters: [{ event_type: 'custom.*', filter: { tag: { equals: '#ai' } } }],
        options: { timeout_ms: 5000 },
      },
      { 'idempotency-key': 'w-1' },
    );
    expect(created).toMatchObject({
      status: 201,
      body: {
        id: 'whk_1',
        secret: 'whsec_x',
        filters: [{ event_type: 'custom.*', filter: { tag: { equals: '#ai' } } }],
        options: { timeout_ms: 5000 },
      },
    });
    expect(lastCall('webhooks.create')?.args[0]).toEqual({
      url: 'https://example.org',
      filters: [{ event_type: 'custom.*', filter: { tag: { equals: '#ai' } } }],
      options: { timeout_ms: 5000 },
    });
    expect(await server.ask('GET', '/api/v1/webhooks/whk_1')).toMatchObject({
      status: 200,
      body: { secret_hint: '…aSw' },
    });
    expect((await server.ask('GET', '/api/v1/webhooks/whk_1')).body).not.toHaveProperty('secret');
  });

  test('deliveries and their retry, of this webhook only', async () => {
    expect(await server.ask('GET', '/api/v1/webhooks/whk_1/deliveries?state=dead&limit=3')).toMatchObject({
      status: 200,
      body: { data: [{ id: sampleRun.id, state: 'dead' }], next_cursor: null },
    });
    expect(lastCall('runs.list')?.args).toEqual(['webhook:whk_1', { state: 'dead', limit: 3 }]);
    expect((await server.ask('POST', `/api/v1/webhooks/whk_1/deliveries/${sampleRun.id}/retry`)).status).toBe(
      202,
    );
    expect((await server.ask('POST', `/api/v1/webhooks/whk_2/deliveries/${sampleRun.id}/retry`)).status).toBe(
      404,
    );
  });

  test('lists walk to their end by cursor', async () => {
    const seen: string[] = [];
    let cursor: unknown = '';
    do {
      const { body } = await server.ask(
        'GET',
        `/api/v1/hooks?limit=3${cursor === '' ? '' : `&cursor=${String(cursor)}`}`,
      );
      seen.push(...(body['data'] as { id: string }[]).map((hook) => hook.id));
      cursor = body['next_cursor'];
    } while (cursor !== null);
    expect(seen).toEqual(['a', 'b', 'c', 'validate']);
    for (const forged of ['x', 'i1.', 'i1.!!!', 'i1.YQ==']) {
      expect(await server.ask('GET', `/api/v1/hooks?cursor=${encodeURIComponent(forged)}`)).toMatchObject({
        status: 400,
        body: { code: 'bad_cursor' },
      });
    }
  });

  test('hooks are handed to their service whole, so that it can say everything that is wrong', async () => {
    const hook = { name: 'x', trigger: { events: [] }, unknown_key: 1, action: { type: 'shell' } };
    expect((await server.ask('POST', '/api/v1/hooks', hook)).status).toBe(201);
    expect(lastCall('hooks.create')?.args).toEqual([hook, { allowShell: true, worlds: undefined }]);
    expect((await server.ask('PUT', '/api/v1/hooks/a', hook)).status).toBe(200);
    expect(lastCall('hooks.replace')?.args).toEqual(['a', hook, { allowShell: true, worlds: undefined }]);
  });

  test('when to come back is a header', async () => {
    await using busy = await startServer({
      services: {
        events: {
          publish: () =>
            Promise.reject(new CrucibleError('overloaded', 'The queue is full', { retryAfterMs: 1200 })),
          get: () => Promise.reject(new CrucibleError('log_unavailable', 'Cannot be written')),
          query: () =>
            Promise.reject(new CrucibleError('position_expired', 'Gone', { hint: 'The first one is 100.' })),
          trace: () => Promise.reject(new CrucibleError('not_found', 'none')),
        },
      },
    });
    const overloaded = await busy.ask('POST', '/api/v1/events', EVENT);
    expect([overloaded.status, overloaded.headers.get('retry-after')]).toEqual([503, '2']);
    const unavailable = await busy.ask('GET', '/api/v1/events/x');
    expect([unavailable.status, unavailable.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await busy.ask('GET', '/api/v1/events')).toMatchObject({
      status: 410,
      body: { hint: 'The first one is 100.' },
    });
  });

  test('the document is open to all and names itself', async () => {
    const answer = await server.ask('GET', '/api/v1/openapi.json', undefined, { authorization: '' });
    expect(answer).toMatchObject({ status: 200, body: { openapi: '3.0.3', info: { version: '1.2.3' } } });
  });
});
