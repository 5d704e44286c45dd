import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { restOf, type Answer } from '../support/rest.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Everything that a hostile or careless client may send. Each gets a clear problem, and the server is none the worse. */

let stack: Stack;
let head = 0;
beforeAll(async () => {
  stack = await startStack();
  const { body } = await stack.rest('POST', '/events', { type: 'custom.first', payload: { n: 1 } });
  head = body.data[0].position;
});
afterAll(() => stack?.[Symbol.asyncDispose]());

// None of it may harm the server, or leave anything in the log.
afterEach(async () => {
  const health = await fetch(`${stack.server.url}/healthz`);
  if (health.status !== 200) throw new Error(`the server is not well: ${health.status}`);
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  stack.rest('POST', path, body, headers);

const expectProblem = ({ status, headers, body }: Answer, wanted: number, code: string): void => {
  expect([status, body.code]).toEqual([wanted, code]);
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect(body).toMatchObject({
    type: `urn:crucible:error:${code}`,
    title: expect.any(String),
    status: wanted,
    detail: expect.stringMatching(/.{10}/),
    request_id: expect.any(String),
  });
  // Nothing of how it is made: no stacks, no paths, no queries.
  expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts:\d|at \w+ \(|SELECT |surreal/i);
};

const event = (payload: string): string => `{"type":"custom.a","payload":${payload}}`;
const MIB = 1024 * 1024;
/** Just too large, and right in every other way. */
const TOO_LARGE = `${' '.repeat(MIB + 1 - event('{}').length)}${event('{}')}`;

describe('a body', () => {
  it.each<[what: string, body: string, status: number, code: string]>([
    ['that is not JSON', '{"type":', 400, 'malformed_request'],
    ['that is two values', `${event('{}')} ${event('{}')}`, 400, 'malformed_request'],
    ['with a comma too many', '{"type":"custom.a","payload":{},}', 400, 'malformed_request'],
    ['with NaN', event('{"n":NaN}'), 400, 'malformed_request'],
    ['with a raw control character', event('{"n":"\n"}'), 400, 'malformed_request'],
    [
      '10,000 levels deep',
      event(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
      400,
      'malformed_request',
    ],
    ['100,000 brackets that are never closed', '['.repeat(100_000), 400, 'malformed_request'],
    ['65 levels deep', event(`{"a":${'['.repeat(65)}${']'.repeat(65)}}`), 400, 'malformed_request'],
    ['with __proto__', event('{"__proto__":{"polluted":true}}'), 422, 'invalid'],
    ['with an escaped __proto__', event('{"\\u005f_proto__":{"polluted":true}}'), 422, 'invalid'],
    ['with __proto__ at the top', '{"type":"custom.a","payload":{},"__proto__":{"a":1}}', 422, 'invalid'],
    ['with half a surrogate pair', event('{"s":"\\ud800"}'), 422, 'invalid'],
    ['with half a surrogate pair in a key', event('{"\\udfff":1}'), 422, 'invalid'],
    ['with NUL', event('{"s":"a\\u0000b"}'), 422, 'invalid'],
    ['with NUL in a subject', '{"type":"custom.a","payload":{},"subject":"a\\u0000"}', 422, 'invalid'],
    ['with 2^53 + 1', event('{"n":9007199254740993}'), 422, 'invalid'],
    ['with a number that has no double', event('{"n":1e999}'), 422, 'invalid'],
    ['that is an array', '[]', 422, 'invalid'],
    ['that is null', 'null', 422, 'invalid'],
    ['that is a text', '"custom.a"', 422, 'invalid'],
    ['that is empty', '', 422, 'invalid'],
    ['with an unknown field', '{"type":"custom.a","payload":{},"pay_load":{}}', 422, 'invalid'],
    ['with an actor of its own', '{"type":"custom.a","payload":{},"actor":"user:root"}', 422, 'invalid'],
    ['with a position of its own', '{"type":"custom.a","payload":{},"position":1}', 422, 'invalid'],
    ['without a payload', '{"type":"custom.a"}', 422, 'invalid'],
    ['with a payload that is a list', event('[]'), 422, 'invalid'],
    ['with a payload that is null', event('null'), 422, 'invalid'],
    ['with no events', '{"events":[]}', 422, 'invalid'],
    [
      'with events and an event',
      '{"events":[{"type":"custom.a","payload":{}}],"type":"custom.a"}',
      422,
      'invalid',
    ],
    [
      'with 1,001 events',
      JSON.stringify({ events: Array.from({ length: 1001 }, () => ({ type: 'custom.a', payload: {} })) }),
      422,
      'invalid',
    ],
    ['with an id that is none', '{"type":"custom.a","payload":{},"id":"evt_1"}', 422, 'invalid'],
    [
      'with an id of another version',
      '{"type":"custom.a","payload":{},"id":"evt_01932f6e-7c1a-4d3e-8f00-1234567890ab"}',
      422,
      'invalid',
    ],
    [
      'with an id that is SurrealQL',
      '{"type":"custom.a","payload":{},"id":"evt_1`; DELETE commit; --"}',
      422,
      'invalid',
    ],
    ['with a version that is none', '{"type":"custom.a","payload":{},"version":"one"}', 422, 'invalid'],
    [
      'with an endless subject',
      JSON.stringify({ type: 'custom.a', payload: {}, subject: 'x'.repeat(513) }),
      422,
      'invalid',
    ],
    [
      'of a reserved type',
      '{"type":"memory.created","payload":{"id":"x","content":"x"}}',
      403,
      'reserved_type',
    ],
    ['of a reserved type in capitals', '{"type":"System.Shutdown","payload":{}}', 403, 'reserved_type'],
    ['of an unknown type', '{"type":"memory.creatd","payload":{}}', 422, 'unknown_event_type'],
    ['of a type that is no name', '{"type":"custom.","payload":{}}', 422, 'unknown_event_type'],
    ['of a type with a quote', '{"type":"custom.a\' OR 1=1","payload":{}}', 422, 'unknown_event_type'],
    ['of a wildcard', '{"type":"custom.*","payload":{}}', 422, 'unknown_event_type'],
    [
      'of an endless type',
      JSON.stringify({ type: `custom.${'a'.repeat(300)}`, payload: {} }),
      422,
      'invalid',
    ],
    [
      'with a payload of 257 KiB',
      event(JSON.stringify({ s: 'x'.repeat(257 * 1024) })),
      413,
      'payload_too_large',
    ],
    ['of 1 MiB and a byte', TOO_LARGE, 413, 'payload_too_large'],
  ])('%s', async (_what, body, status, code) => {
    expectProblem(await post('/events', body), status, code);
  });

  it('says where, for each of several events, and keeps none of them', async () => {
    const answer = await post('/events', {
      events: [
        { type: 'custom.good', payload: {} },
        { type: 'memory.created', payload: {} },
        { type: 'custom.good', payload: {}, id: 'x' },
      ],
    });
    expectProblem(answer, 403, 'reserved_type');
    expect(answer.body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'events.1.type',
      'events.2.id',
    ]);
    expect((await stack.rest('GET', '/events?type=custom.good')).body.data).toEqual([]);
  });

  it('gives exactly what was sent back, where it takes it', async () => {
    const payload = `{"max":9007199254740991,"min":-9007199254740991,"tiny":5e-324,"zero":-0,"some":1.5e15,"text":"\\u2028 🦊 é","empty":{},"list":[[],null,false],"constructor":{"prototype":1},"a.b":{"$c":1},"toString":"x","":1}`;
    const { status, body } = await post('/events', event(payload));
    expect(status).toBe(201);
    const got = await stack.rest('GET', `/events/${body.data[0].id}`);
    expect(got.body.payload).toEqual(JSON.parse(payload.replace(':-0', ':0')));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('SurrealQL in values is only text', async () => {
    const nasty = [
      "'; REMOVE TABLE commit; --",
      '`; DELETE commit; --',
      'commit:1',
      "$epoch; THROW 'x'",
      'r"commit:1"',
      '<future> { DELETE commit }',
      '${1+1} {{event.id}} %00',
      '1..=9',
      'type::thing("commit", 1)',
    ];
    for (const text of nasty) {
      const { status, body } = await post(
        '/events',
        { type: 'custom.nasty', subject: text, room: text, payload: { [text]: text } },
        {
          'x-correlation-id': `cor-${Buffer.from(text).toString('hex').slice(0, 60)}`,
          'idempotency-key': text,
        },
      );
      expect(status).toBe(201);
      const { id } = body.data[0];
      expect((await stack.rest('GET', `/events/${id}`)).body).toMatchObject({
        subject: text,
        room: text,
        payload: { [text]: text },
      });
      const bySubject = await post('/events/query', { subject: text });
      expect(bySubject.body.data.map((found: { id: string }) => found.id)).toEqual([id]);
      const byValue = await post('/events/query', {
        type: 'custom.nasty',
        when: `event.subject == ${JSON.stringify(text)}`,
      });
      expect(byValue.body.data).toHaveLength(1);
    }
    expect((await stack.rest('GET', '/events?type=custom.nasty&limit=100')).body.data).toHaveLength(
      nasty.length,
    );
    expect((await stack.rest('GET', '/events?order=asc&limit=1')).body.data[0].position).toBe(1);
  });
});

describe('what carries a body', () => {
  it.each<[what: string, headers: Record<string, string>]>([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['another charset', { 'content-type': 'application/json; charset=utf-16' }],
    ['no type', { 'content-type': '' }],
    ['a compressed body', { 'content-encoding': 'gzip' }],
    ['a body compressed twice', { 'content-encoding': 'gzip, br' }],
  ])('is refused when it is %s', async (_what, headers) => {
    expectProblem(await post('/events', event('{}'), headers), 415, 'unsupported_media_type');
  });

  it('is refused when it is too large, whatever it says about its size', async () => {
    const send = (headers: Record<string, string>, chunks: readonly (string | Buffer)[]): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          `${stack.server.url}/api/v1/events`,
          {
            method: 'POST',
            // One that lies about its size may keep its connection for itself.
            agent: false,
            headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', ...headers },
          },
          (incoming) => {
            const parts: Buffer[] = [];
            incoming.on('data', (part: Buffer) => parts.push(part));
            incoming.on('end', () => {
              resolve({
                status: incoming.statusCode ?? 0,
                headers: new Headers(incoming.headers as Record<string, string>),
                body: JSON.parse(Buffer.concat(parts).toString()),
              });
              outgoing.destroy();
            });
          },
        );
        // It may be cut off once it has been answered.
        outgoing.on('error', reject);
        for (const chunk of chunks) outgoing.write(chunk);
        outgoing.end();
      });
    const half = TOO_LARGE.slice(0, MIB / 2);
    const rest = TOO_LARGE.slice(MIB / 2);
    expectProblem(await send({ 'transfer-encoding': 'chunked' }, [half, rest]), 413, 'payload_too_large');
    expectProblem(
      await send({ 'content-encoding': 'gzip' }, [gzipSync(TOO_LARGE)]),
      415,
      'unsupported_media_type',
    );
    expectProblem(await send({ 'content-length': String(10 ** 12) }, [half]), 413, 'payload_too_large');
    // A byte less is taken.
    const fits = await send(
      { 'transfer-encoding': 'chunked' },
      [half, rest.slice(1)].map((part) => part.replace(' ', '')),
    );
    expect(fits.status).toBe(201);
  });

  it('is refused when it is not UTF-8', async () => {
    const response = await fetch(`${stack.server.url}/api/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      body: Buffer.concat([
        Buffer.from('{"type":"custom.a","payload":{"s":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}}'),
      ]),
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      400,
      'malformed_request',
    ]);
  });
});

describe('a list', () => {
  it.each<[query: string, status: number, code: string]>([
    ['limit=-1', 422, 'invalid'],
    ['limit=0', 422, 'invalid'],
    ['limit=1e9', 422, 'invalid'],
    ['limit=1001', 422, 'invalid'],
    ['limit=1.5', 422, 'invalid'],
    ['limit=ten', 422, 'invalid'],
    ['limit=', 422, 'invalid'],
    ['limit=1&limit=2', 422, 'invalid'],
    ['limit=9007199254740993', 422, 'invalid'],
    ['cursor=forged', 400, 'bad_cursor'],
    ['cursor=eyJhIjoxfQ', 400, 'bad_cursor'],
    ['cursor=i1.AAAA', 400, 'bad_cursor'],
    [`cursor=${'a'.repeat(5000)}`, 422, 'invalid'],
    ['order=sideways', 422, 'invalid'],
    ['after=-1', 422, 'invalid'],
    ['after=1e99', 422, 'invalid'],
    ['from_time=yesterday', 422, 'invalid'],
    ['from_time=2026-13-40T00:00:00Z', 422, 'invalid'],
    ['type=memory.creatd', 422, 'unknown_event_type'],
    ['source=robot', 422, 'invalid'],
    ['colour=red', 422, 'invalid'],
    ['__proto__=1', 422, 'invalid'],
    ['constructor=1', 422, 'invalid'],
    ["type=custom.a'%20OR%201=1", 422, 'unknown_event_type'],
  ])('of events by %s', async (query, status, code) => {
    expectProblem(await stack.rest('GET', `/events?${query}`), status, code);
  });

  it('refuses a real cursor that was changed, or that belongs to another query or list', async () => {
    await post('/events', {
      events: Array.from({ length: 3 }, (_, n) => ({ type: 'custom.paged', payload: { n } })),
    });
    const { body } = await stack.rest('GET', '/events?type=custom.paged&limit=1');
    const cursor: string = body.next_cursor;
    expect(cursor).toEqual(expect.any(String));
    const ask = (query: string): Promise<Answer> => stack.rest('GET', query);
    expect((await ask(`/events?type=custom.paged&limit=1&cursor=${encodeURIComponent(cursor)}`)).status).toBe(
      200,
    );
    const flipped = `${cursor.slice(0, 4)}${cursor[4] === 'A' ? 'B' : 'A'}${cursor.slice(5)}`;
    for (const other of [
      `/events?type=custom.paged&limit=1&cursor=${encodeURIComponent(`${cursor}x`)}`,
      `/events?type=custom.paged&limit=1&cursor=${encodeURIComponent(flipped)}`,
      `/events?type=custom.first&limit=1&cursor=${encodeURIComponent(cursor)}`,
      `/hooks?cursor=${encodeURIComponent(cursor)}`,
      `/webhooks?cursor=${encodeURIComponent(cursor)}`,
    ])
      expectProblem(await ask(other), 400, 'bad_cursor');
  });

  it.each<[what: string, query: object, status: number, code: string]>([
    [
      '50,000 terms',
      {
        type: 'custom.a',
        filter: Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`f${n}`, n])),
      },
      422,
      'invalid',
    ],
    [
      '50,000 values',
      { type: 'custom.a', filter: { a: { in: Array.from({ length: 50_000 }, (_, n) => n) } } },
      422,
      'invalid',
    ],
    [
      '101 filters',
      { filters: Array.from({ length: 101 }, () => ({ event_type: 'custom.a' })) },
      422,
      'invalid',
    ],
    ['an unknown operator', { type: 'custom.a', filter: { a: { regex: 'x' } } }, 422, 'invalid'],
    ['a field that the event lacks', { type: 'memory.created', filter: { nope: 1 } }, 422, 'invalid'],
    ['a broken regular expression', { type: 'custom.a', filter: { a: { matches: '(' } } }, 422, 'invalid'],
    ['a back reference', { type: 'custom.a', filter: { a: { matches: '(a)\\1' } } }, 422, 'invalid'],
    ['a look-ahead', { type: 'custom.a', filter: { a: { matches: '(?=a)' } } }, 422, 'invalid'],
    ['broken CEL', { type: 'custom.a', when: 'event.payload.a ==' }, 422, 'invalid'],
    ['CEL that is no condition', { type: 'custom.a', when: '1 + 1' }, 422, 'invalid'],
    ['CEL over what is not there', { type: 'custom.a', when: 'process.exit()' }, 422, 'invalid'],
    ['CEL of 5,000 characters', { type: 'custom.a', when: `true${' || true'.repeat(700)}` }, 422, 'invalid'],
    [
      'CEL that nests',
      { type: 'custom.a', when: `${'('.repeat(2000)}true${')'.repeat(2000)}` },
      422,
      'invalid',
    ],
  ])('by a query with %s', async (_what, query, status, code) => {
    expectProblem(await post('/events/query', query), status, code);
  });
});

describe('a filter', () => {
  it.each<[filter: object]>([
    [{ '__proto__.x': 1 }],
    [{ 'constructor.name': 'Object' }],
    [{ constructor: { exists: true } }],
    [{ toString: { exists: true } }],
    [{ 'n.constructor': { exists: true } }],
    [{ 'list.length': 2 }],
    [{ 'text.0': 'a' }],
  ])('on %j finds only what the payload has of its own', async (filter) => {
    await post('/events', { type: 'custom.plain', payload: { n: 1, list: [1, 2], text: 'abc' } });
    const { status, body } = await post('/events/query', { type: 'custom.plain', filter });
    expect([status, body.data]).toEqual([200, []]);
  });
});

describe('a webhook', () => {
  it('may have a regular expression that is a catastrophe elsewhere', async () => {
    const filters = [{ event_type: 'custom.regex', filter: { s: { matches: '^(a+)+$' } } }];
    const made = await post('/webhooks', { url: 'http://127.0.0.1:9/', filters });
    expect(made.status).toBe(201);
    const bad = await post('/events', { type: 'custom.regex', payload: { s: `${'a'.repeat(50_000)}!` } });
    const good = await post('/events', { type: 'custom.regex', payload: { s: 'a'.repeat(50_000) } });
    expect([bad.status, good.status]).toEqual([201, 201]);
    const { body } = await stack.rest('GET', `/webhooks/${made.body.id}/deliveries`);
    expect(body.data.map((run: { event_id: string }) => run.event_id)).toEqual([good.body.data[0].id]);
    await stack.rest('DELETE', `/webhooks/${made.body.id}`);
  });

  it.each<[what: string, filters: unknown]>([
    [
      '50,000 terms',
      [
        {
          event_type: 'custom.a',
          filter: Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`f${n}`, n])),
        },
      ],
    ],
    ['no filters', []],
    ['a filter that is a text', ['custom.a']],
    ['a broken regular expression', [{ event_type: 'custom.a', filter: { a: { matches: '[' } } }]],
    [
      'a huge repetition',
      [{ event_type: 'custom.a', filter: { a: { matches: '((a{1000}){1000}){1000}' } } }],
    ],
    ['an unknown event type', [{ event_type: 'memory.creatd' }]],
    ['an unknown key', [{ event_type: 'custom.a', fliter: {} }]],
  ])('is refused with %s', async (_what, filters) => {
    const answer = await post('/webhooks', { url: 'http://127.0.0.1:9/', filters });
    expect(answer.status).toBe(422);
    expectProblem(answer, 422, answer.body.code);
    expect(answer.body.errors[0].path).toMatch(/^filters/);
  });
});

describe('a path', () => {
  const id = 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab';
  it.each<[method: string, path: string, status: number, code: string]>([
    ['GET', `/events/${id}`, 404, 'not_found'],
    ['GET', `/events/${id}/trace`, 404, 'not_found'],
    ['GET', '/events/nonsense', 404, 'not_found'],
    ['GET', `/events/${encodeURIComponent('commit:1')}`, 404, 'not_found'],
    ['GET', `/events/${encodeURIComponent("x' OR true; DELETE commit; --")}`, 404, 'not_found'],
    ['GET', `/events/${encodeURIComponent('../../etc/passwd')}`, 404, 'not_found'],
    ['GET', '/events/__proto__', 404, 'not_found'],
    ['GET', `/events/${'x'.repeat(300)}`, 422, 'invalid'],
    ['GET', '/events/%ff', 400, 'malformed_request'],
    ['GET', '/events/%00', 400, 'malformed_request'],
    ['GET', '/runs/run_01932f6e-7c1a-7d3e-8f00-1234567890ab', 404, 'not_found'],
    ['POST', '/runs/run_01932f6e-7c1a-7d3e-8f00-1234567890ab/replay', 404, 'not_found'],
    ['GET', `/runs/${encodeURIComponent('run`; DELETE run; --')}`, 404, 'not_found'],
    ['GET', '/hooks/none', 404, 'not_found'],
    ['GET', '/hooks/none/runs', 404, 'not_found'],
    ['POST', '/hooks/none/enable', 404, 'not_found'],
    ['DELETE', '/hooks/constructor', 404, 'not_found'],
    ['GET', '/webhooks/whk_1', 404, 'not_found'],
    ['GET', '/webhooks/whk_1/deliveries', 404, 'not_found'],
    ['DELETE', '/webhooks/whk_1', 404, 'not_found'],
    ['GET', '/nothing', 404, 'not_found'],
    ['GET', '', 404, 'not_found'],
    ['GET', '/Events', 404, 'not_found'],
    ['GET', '/events/', 404, 'not_found'],
  ])('%s %s', async (method, path, status, code) => {
    expectProblem(await stack.rest(method, path), status, code);
  });

  it.each(['PATCH', 'TRACE', 'PUT', 'DELETE', 'PROPFIND', 'LOCK'])('does not take %s', async (method) => {
    const answer = await new Promise<{ status: number | undefined; allow: string | undefined; code: string }>(
      (resolve, reject) => {
        request(
          `${stack.server.url}/api/v1/events`,
          { method, headers: { authorization: `Bearer ${TEST_KEY}` } },
          (incoming) => {
            let text = '';
            incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
            incoming.on('end', () =>
              resolve({
                status: incoming.statusCode,
                allow: incoming.headers.allow,
                code: (JSON.parse(text) as { code: string }).code,
              }),
            );
          },
        )
          .on('error', reject)
          .end();
      },
    );
    expect(answer).toEqual({ status: 405, allow: 'GET, HEAD, OPTIONS, POST', code: 'method_not_allowed' });
  });

  it('takes no fields of a write from the query string', async () => {
    expectProblem(await post('/events?type=custom.a', { type: 'custom.a', payload: {} }), 422, 'invalid');
  });
});

describe('credentials', () => {
  const ask = (headers: Record<string, string>, path = '/events'): Promise<Answer> =>
    restOf(stack.server.url, '')('GET', path, undefined, headers);
  it.each<[what: string, headers: Record<string, string>]>([
    ['none', { authorization: '' }],
    ['a wrong key', { authorization: 'Bearer wrong-wrong-wrong-wrong-wrong-wrong' }],
    ['a key cut short', { authorization: `Bearer ${TEST_KEY.slice(0, -1)}` }],
    ['a key and more', { authorization: `Bearer ${TEST_KEY}x` }],
    ['an empty key', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`:${TEST_KEY}`).toString('base64')}` }],
    ['no scheme', { authorization: TEST_KEY }],
    [
      'a damaged key',
      { authorization: 'Bearer crk_pbsSgl8TBdNV_FjRAsYyBIqnXaFxma85BpHAdx1hSp2vUgaekTuXFuYe_lSJESX' },
    ],
    ['a token without a signature', { authorization: `Bearer ${unsigned()}` }],
    ['another header', { authorization: '', 'x-api-key': TEST_KEY }],
    ['a cookie', { authorization: '', cookie: `key=${TEST_KEY}` }],
  ])('%s', async (_what, headers) => {
    const answer = await ask(headers);
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(JSON.stringify(answer.body)).not.toContain(TEST_KEY);
  });

  it('in the query string are not looked at', async () => {
    for (const name of ['key', 'api_key', 'access_token', 'authorization'])
      expectProblem(await ask({ authorization: '' }, `/events?${name}=${TEST_KEY}`), 401, 'unauthenticated');
    expectProblem(await stack.rest('GET', `/events?api_key=${TEST_KEY}`), 422, 'invalid');
  });

  it('are judged before the body is read', async () => {
    const answer = await restOf(stack.server.url, 'wrong-wrong-wrong-wrong-wrong-wrong')(
      'POST',
      '/events',
      '{',
    );
    expectProblem(answer, 401, 'unauthenticated');
  });
});

/** `alg: none`. */
const unsigned = (): string =>
  [
    { alg: 'none', typ: 'JWT' },
    { sub: 'root', role: 'admin' },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
    .concat('.');

describe('headers', () => {
  it.each<[name: string, value: string, status: number, code: string]>([
    ['x-correlation-id', 'two words', 400, 'malformed_request'],
    ['x-correlation-id', 'x'.repeat(129), 400, 'malformed_request'],
    ['x-crucible-causation-id', 'evt_nothing', 422, 'invalid'],
    ['idempotency-key', 'x'.repeat(256), 400, 'malformed_request'],
    ['x-crucible-world', '../etc', 400, 'malformed_request'],
  ])('%s: %s', async (name, value, status, code) => {
    const answer = await post('/events', event('{}'), { [name]: value });
    expectProblem(answer, status, code);
  });

  it('that are too large, or are not HTTP, are answered too', async () => {
    const { port } = new URL(stack.server.url);
    const raw = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let answer = '';
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
        socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
        socket.on('close', () => resolve(answer)).on('error', reject);
      });
    expect(await raw(`GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toContain(
      'payload_too_large',
    );
    expect(await raw('NONSENSE\r\n\r\n')).toContain('malformed_request');
    expect(
      await raw(
        'POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      ),
    ).toContain('malformed_request');
  });
});

describe('a hook file', () => {
  const validate = (text: string): Promise<Answer> => post('/hooks/validate', { text, file: 'bad.md' });
  const front = (...lines: readonly string[]): string => `---\n${lines.join('\n')}\n---\n# Bad\n`;
  const EVENTS = 'trigger: { events: [{ type: memory.tagged }] }';
  const HTTP = 'action: { type: http, url: "https://1.1.1.1/" }';
  const SOURCE = 'action: { type: script, source: "export default () => 1" }';
  const BOMB = Array.from(
    { length: 9 },
    (_, n) =>
      `a${n}: &a${n} [${Array(9)
        .fill(n === 0 ? 'x' : `*a${n - 1}`)
        .join(', ')}]`,
  );

  it.each<[what: string, text: string, line: number, words: string]>([
    ['no front matter', '# Only text\n', 1, '---'],
    ['a first line that is another', '--- yaml\nname: a\n---\n', 1, '---'],
    ['JavaScript as front matter', '---js\nmodule.exports = { name: process.exit(1) }\n---\n', 1, '---'],
    ['JavaScript in capitals', '---JS\nmodule.exports = {}\n---\n', 1, '---'],
    ['JavaScript by its long name', '--- javascript\nmodule.exports = {}\n---\n', 1, '---'],
    ['front matter that does not end', '---\nname: a\n', 1, '---'],
    ['broken YAML', front('name: [a', EVENTS, HTTP), 3, ''],
    ['a tag of YAML', front('name: !!js/function "x"', EVENTS, HTTP), 2, ''],
    ['a key twice', front('name: a', 'name: b', EVENTS, HTTP), 3, ''],
    ['an alias bomb', front('name: a', ...BOMB), 2, 'alias'],
    ['20,000 levels', front('name: a', `trigger: ${'['.repeat(20_000)}${']'.repeat(20_000)}`), 3, ''],
    ['__proto__', front('name: a', EVENTS, HTTP, '__proto__: { enabled: false }'), 5, '__proto__'],
    ['an unknown key', front('name: a', EVENTS, HTTP, 'optoins: {}'), 5, 'options'],
    [
      'an unknown event type',
      front('name: a', 'trigger: { events: [{ type: memory.taged }] }', HTTP),
      3,
      'memory.tagged',
    ],
    [
      'a filter on a field that is not there',
      front('name: a', 'trigger: { events: [{ type: memory.tagged, filter: { tga: x } }] }', HTTP),
      3,
      'tga',
    ],
    ['a CEL error', front('name: a', EVENTS, HTTP, 'condition: { when: event.payload.tag + 1 }'), 5, ''],
    ['a missing script', front('name: a', EVENTS, 'action: { type: script, script: none.js }'), 4, 'none.js'],
    [
      'a script that does not compile',
      front('name: a', EVENTS, 'action: { type: script, source: "export default (" }'),
      4,
      '',
    ],
    [
      'a script outside',
      front('name: a', EVENTS, 'action: { type: script, script: ../../server.js }'),
      4,
      'hook directory',
    ],
    [
      'an absolute script',
      front('name: a', EVENTS, 'action: { type: script, script: /etc/passwd.js }'),
      4,
      'hook directory',
    ],
    ['a bad URL', front('name: a', EVENTS, 'action: { type: http, url: "ftp://x/" }'), 4, 'http'],
    [
      'a private URL',
      front('name: a', EVENTS, 'action: { type: http, url: "http://169.254.169.254/" }'),
      4,
      '',
    ],
    [
      'a user name in a URL',
      front('name: a', EVENTS, 'action: { type: http, url: "https://u:p@1.1.1.1/" }'),
      4,
      '',
    ],
    [
      'port 6379',
      front('name: a', EVENTS, 'action: { type: http, url: "https://1.1.1.1:6379/" }'),
      4,
      '6379',
    ],
    [
      'CRLF in a header',
      front(
        'name: a',
        EVENTS,
        'action: { type: http, url: "https://1.1.1.1/", headers: { a: "b\\r\\nc: d" } }',
      ),
      4,
      'line break',
    ],
    [
      'an impossible combination',
      front('name: a', EVENTS, SOURCE, 'options: { debounce_ms: 5, debounce: { wait_ms: 5 } }'),
      5,
      'debounce',
    ],
    ['on_error after the commit', front('name: a', EVENTS, SOURCE, 'options: { on_error: block }'), 5, 'pre'],
    [
      'a template in a shell script',
      front('name: a', EVENTS, 'action: { type: shell, shell: "echo {{event.id}}" }'),
      4,
      'CRUCIBLE_EVENT_',
    ],
    [
      'a secret as an argument',
      front('name: a', EVENTS, 'action: { type: shell, command: [x, "{{secrets.A}}"] }'),
      4,
      'secrets',
    ],
    ['a name that is none', front('name: "../a"', EVENTS, HTTP), 2, 'name'],
  ])('with %s', async (_what, text, line, words) => {
    const { status, body } = await validate(text);
    expect([status, body.valid]).toEqual([200, false]);
    expect(body.errors.length).toBeGreaterThan(0);
    const said = JSON.stringify(body.errors);
    expect(said).toContain(words);
    for (const error of body.errors) {
      expect(error.message.length).toBeGreaterThan(3);
      expect(error.line).toBeGreaterThanOrEqual(1);
      expect(error.column).toBeGreaterThanOrEqual(1);
    }
    expect(body.errors.map((error: { line: number }) => error.line)).toContain(line);
  });

  it('with everything wrong at once tells everything at once, and registers nothing', async () => {
    const text = front(
      'name: Bad Name',
      'descripton: x',
      'trigger: { timing: later, events: [{ type: memory.taged }] }',
      'action: { type: htpp }',
      'options: { timeout_ms: 0 }',
    );
    const { body } = await validate(text);
    const lines = body.errors.map((error: { line: number }) => error.line);
    expect(lines).toEqual(lines.toSorted((a: number, b: number) => a - b));
    expect(new Set(lines)).toEqual(new Set([2, 3, 4, 5, 6]));
    expect((await validate(front('name: a', EVENTS, SOURCE))).body).toEqual({ valid: true, errors: [] });
    expect((await stack.rest('GET', '/hooks')).body.data).toEqual([]);
  });
});

it('has left nothing in the log that was refused', async () => {
  const { body } = await stack.rest('GET', `/events?after=${head}&limit=1000&type=custom.a`);
  // The two that were taken: exact values, and the body of just 1 MiB.
  expect(body.data).toHaveLength(2);
});
