import { expect, test } from 'vitest';
import { connect } from './testing/client.ts';
import { ADMIN_KEY, openStream } from './testing/open-stream.ts';
import { frame, openRaw } from './testing/raw.ts';

const authorization = `Bearer ${ADMIN_KEY}`;
const TEXT = 1;
const BINARY = 2;
const CONTINUATION = 0;
const PING = 9;

const subscribe = '{"action":"subscribe","filters":[{"event_type":"*"}]}';
const fragments = (count: number): Buffer =>
  Buffer.concat([
    frame(TEXT, ' '.repeat(60_000), { fin: false }),
    ...Array.from({ length: count }, () => frame(CONTINUATION, ' '.repeat(60_000), { fin: false })),
  ]);

test.each([
  ['an unmasked frame', frame(TEXT, subscribe, { masked: false }), 1002],
  ['text that is not UTF-8', frame(TEXT, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 1007],
  ['half a character at the end', frame(TEXT, Buffer.from([0x22, 0xe2, 0x82])), 1007],
  ['a message of 256 KiB and one byte', frame(TEXT, 'x'.repeat(256 * 1024 + 1)), 1009],
  ['a length of 2^40 and no such payload', frame(TEXT, '{}', { length: 2 ** 40 }), 1009],
  ['a length past what numbers hold', frame(TEXT, '{}', { length: 2 ** 60 }), 1009],
  ['fragments without end', fragments(10), 1009],
  ['a continuation of nothing', frame(CONTINUATION, '{}'), 1002],
  ['a new message within another', Buffer.concat([frame(TEXT, '{', { fin: false }), frame(TEXT, '}')]), 1002],
  ['reserved bits', frame(TEXT, '{}', { reserved: 4 }), 1002],
  ['an unknown opcode', frame(5, '{}'), 1002],
  ['a ping in fragments', frame(PING, 'x', { fin: false }), 1002],
  ['a ping that is too long', frame(PING, 'x'.repeat(126)), 1002],
  ['a close frame with half a code', frame(8, 'x'), 1002],
  ['a binary message', frame(BINARY, subscribe), 1003],
])('%s ends the connection with the code for it, and no other one', async (_what, bytes, code) => {
  await using stream = await openStream();
  await using other = await stream.connect();
  await using raw = await openRaw(stream.url, { authorization });
  raw.socket.write(bytes);
  expect(await raw.closeCode()).toBe(code);
  other.send({ action: 'ping' });
  await other.nextOf('pong');
});

test.each([
  ['no JSON', '{"action":', 'malformed_request', null],
  ['no object', '[1]', 'invalid', {}],
  ['null', 'null', 'invalid', null],
  ['empty', '', 'malformed_request', null],
  ['an unknown action', '{"action":"publish"}', 'invalid', { action: 'publish' }],
  ['an unknown field', '{"action":"ping","more":1}', 'invalid', { action: 'ping' }],
  ['no filters', '{"action":"subscribe","id":"a"}', 'invalid', { action: 'subscribe', id: 'a' }],
  ['empty filters', '{"action":"subscribe","filters":[]}', 'invalid', { action: 'subscribe' }],
  ['a filter that is a text', '{"action":"subscribe","filters":["*"]}', 'invalid', { action: 'subscribe' }],
  ['an unknown type', '{"action":"subscribe","filters":[{"event_type":"memory.creatd"}]}', 'invalid', {}],
  ['a negative position', subscribe.replace('{', '{"after":-1,'), 'invalid', { action: 'subscribe' }],
  ['a position in halves', subscribe.replace('{', '{"after":1.5,'), 'invalid', { action: 'subscribe' }],
  ['a position past all numbers', subscribe.replace('{', '{"after":1e300,'), 'invalid', {}],
  ['a position as text', subscribe.replace('{', '{"after":"1",'), 'invalid', { action: 'subscribe' }],
  ['an id with a line break', subscribe.replace('{', '{"id":"a\\nb",'), 'invalid', {}],
  ['a world that is none', subscribe.replace('{', '{"world":"../x",'), 'invalid', {}],
  ['both id and filters', '{"action":"unsubscribe","id":"a","filters":[{"event_type":"*"}]}', 'invalid', {}],
  [
    'deep nesting',
    `{"action":"ping","x":${'['.repeat(90_000)}${']'.repeat(90_000)}}`,
    'malformed_request',
    {},
  ],
  ['a name of all objects', '{"action":"ping","__proto__":{"x":1}}', 'invalid', { action: 'ping' }],
  ['a result of nobody', '{"action":"result","run_id":"r","outputs":1}', 'forbidden', { run_id: 'r' }],
  ['a result without a run', '{"action":"result","outputs":1}', 'invalid', { action: 'result' }],
  ['a result of nothing', '{"action":"result","run_id":"r"}', 'invalid', { action: 'result', run_id: 'r' }],
  ['an error that is a text', '{"action":"result","run_id":"r","error":"no"}', 'invalid', {}],
  ['auth again', '{"action":"auth","key":"some-key"}', 'conflict', { action: 'auth' }],
])('%s gets an error, and the connection goes on', async (_what, text, code, request) => {
  await using stream = await openStream();
  await using client = await stream.connect();
  client.send(text);
  const error = await client.nextOf('error');
  expect(error).toMatchObject({ code, request });
  expect(JSON.stringify(error)).not.toContain('some-key');
  client.send({ action: 'ping' });
  await client.nextOf('pong');
});

test('silence: without credentials in time it is over', async () => {
  await using stream = await openStream({ limits: { authTimeoutMs: 20 } });
  await using client = await connect(stream.url);
  expect(await client.nextOf('error')).toMatchObject({ code: 'unauthenticated' });
  expect((await client.closed).code).toBe(1008);
});

test('10,000 subscriptions: the first hundred hold, the others are refused one by one', async () => {
  await using stream = await openStream();
  await using client = await stream.connect();
  for (let n = 0; n < 10_000; n += 1)
    client.send({ action: 'subscribe', id: `n${n}`, filters: [{ event_type: '*' }] });
  client.send({ action: 'ping' });
  await client.nextOf('pong');
  const refused = client.received.filter(({ type }) => type === 'error');
  expect(refused).toHaveLength(9_900);
  expect(refused[0]).toMatchObject({ code: 'conflict', request: { id: 'n100' } });
  await stream.publish({});
  const { subscriptions } = await client.nextOf('event');
  expect(subscriptions).toHaveLength(100);
});

test('more connections than there may be are told to come later; one that ends makes room', async () => {
  await using stream = await openStream({ limits: { maxConnections: 2 } });
  const first = await stream.connect();
  await using second = await stream.connect();
  await using third = await connect(stream.url, { headers: { authorization } });
  expect((await third.closed).code).toBe(1013);
  await first[Symbol.asyncDispose]();
  await using fourth = await stream.connect();
  fourth.send({ action: 'ping' });
  await fourth.nextOf('pong');
  second.send({ action: 'ping' });
  await second.nextOf('pong');
});

test('requests that are none for a connection stay with the server', async () => {
  await using stream = await openStream();
  const http = stream.url.replace('ws:', 'http:');
  expect(await (await fetch(http)).text()).toBe('plain');
  // What clients of HTTP/2 without TLS send along with any request.
  await using raw = await openRaw(stream.url.replace('/events/stream', '/events'), { authorization });
  raw.socket.destroy();
});
