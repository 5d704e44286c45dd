import { expect, test, vi } from 'vitest';
import { connect } from './testing/client.ts';
import { ADMIN_KEY, openStream } from './testing/open-stream.ts';

const ALL = [{ event_type: '*' }];
const NOTES = [{ event_type: 'custom.note.imported' }];

test('says hello with what a client needs to resume, then answers', async () => {
  await using stream = await openStream();
  await stream.publish({}, {});
  await using client = await connect(stream.url, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  expect(await client.nextOf('hello')).toEqual({
    type: 'hello',
    protocol: 1,
    epoch: 'epoch-1',
    head: 2,
    first_available: 1,
    heartbeat_ms: 30_000,
  });
  client.send({ action: 'ping' });
  expect(await client.nextOf('pong')).toEqual({ type: 'pong' });
});

test('live: what is committed after the answer, once, with the ids of all subscriptions that match', async () => {
  await using stream = await openStream();
  await stream.publish({});
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'all', filters: ALL });
  expect(await client.nextOf('subscribed')).toEqual({ type: 'subscribed', id: 'all', after: 1 });
  client.send({ action: 'subscribe', filters: [{ event_type: 'custom.other' }, ...NOTES] });
  expect(await client.nextOf('subscribed')).toEqual({ type: 'subscribed', id: 's1', after: 1 });
  await stream.publish({}, { type: 'custom.third' });
  const { event, subscriptions } = await client.nextOf('event');
  expect(subscriptions).toEqual(['all', 's1']);
  expect(event).toEqual(await stream.log.at(2));
  expect(await client.nextOf('event')).toMatchObject({ subscriptions: ['all'], event: { position: 3 } });
});

test('replay: all after the position, then caught_up, then live, also while events are written', async () => {
  await using stream = await openStream();
  for (let n = 0; n < 13; n += 1) await stream.publish(...Array.from({ length: 100 }, () => ({})));
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'r', filters: NOTES, after: 7 });
  const writing = Promise.all(
    Array.from({ length: 50 }, () => stream.publish({}, { type: 'custom.other' }, {})),
  );
  await client.nextOf('caught_up');
  await writing;
  await stream.publish({});
  const end = stream.log.head();
  await client.next(({ event }) => (event as { position?: number } | undefined)?.position === end);
  const { data } = await stream.log.query({ after: 1_300, limit: 1_000 });
  const expected = [
    ...Array.from({ length: 1_293 }, (_, n) => n + 8),
    ...data.filter(({ type }) => type === 'custom.note.imported').map(({ position }) => position),
  ];
  expect(client.positions('r')).toEqual(expected);
});

test('`after` at the head is live at once; beyond it, the log must be another one', async () => {
  await using stream = await openStream();
  await stream.publish({});
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'a', filters: ALL, after: 1 });
  expect(await client.nextOf('caught_up')).toEqual({ type: 'caught_up', id: 'a', position: 1 });
  client.send({ action: 'subscribe', id: 'b', filters: ALL, after: 2 });
  expect(await client.nextOf('error')).toMatchObject({
    code: 'epoch_changed',
    request: { action: 'subscribe', id: 'b' },
  });
  client.send({ action: 'subscribe', id: 'b', filters: ALL, after: 1, epoch: 'another' });
  expect(await client.nextOf('error')).toMatchObject({ code: 'epoch_changed' });
});

test('a removed position is said to be removed, at the start and when it goes while it is waited for', async () => {
  let first = 1;
  await using stream = await openStream({ firstAvailable: () => first });
  await stream.publish(...Array.from({ length: 10 }, () => ({})));
  first = 5;
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'a', filters: ALL, after: 3 });
  expect(await client.nextOf('error')).toMatchObject({ code: 'position_expired', request: { id: 'a' } });
  client.send({ action: 'subscribe', id: 'a', filters: ALL, after: 4 });
  await client.nextOf('caught_up');
  expect(client.positions('a')).toEqual([5, 6, 7, 8, 9, 10]);
});

test('credentials in a subprotocol, for browsers: the key is not sent back where another name was offered', async () => {
  await using stream = await openStream();
  await using client = await connect(stream.url, { protocols: ['crucible.v1', `crucible.key.${ADMIN_KEY}`] });
  await client.nextOf('hello');
  expect(client.ws.protocol).toBe('crucible.v1');
  await using refused = await connect(stream.url, { protocols: ['crucible.v1', 'crucible.key.wrong'] });
  expect(await refused.nextOf('error')).toMatchObject({ code: 'unauthenticated' });
  expect((await refused.closed).code).toBe(1008);
});

test('credentials in the first message; what was sent along with it counts', async () => {
  await using stream = await openStream();
  await using client = await connect(stream.url);
  client.send({ action: 'auth', key: ADMIN_KEY });
  client.send({ action: 'subscribe', id: 'a', filters: ALL });
  await client.nextOf('hello');
  expect(await client.nextOf('subscribed')).toMatchObject({ id: 'a' });
  await using refused = await connect(stream.url);
  refused.send({ action: 'auth', key: 'wrong' });
  expect(await refused.nextOf('error')).toMatchObject({ code: 'unauthenticated' });
  expect((await refused.closed).code).toBe(1008);
  await using impatient = await connect(stream.url);
  impatient.send({ action: 'subscribe', filters: ALL });
  expect(await impatient.nextOf('error')).toMatchObject({ code: 'unauthenticated' });
  expect((await impatient.closed).code).toBe(1008);
});

test('bad credentials in the header and foreign pages are refused in HTTP', async () => {
  await using stream = await openStream({ origins: ['https://app.example.org'] });
  const authorization = `Bearer ${ADMIN_KEY}`;
  await expect(connect(stream.url, { headers: { authorization: 'Bearer wrong' } })).rejects.toThrow('401');
  await expect(
    connect(stream.url, { headers: { authorization, origin: 'https://evil.example' } }),
  ).rejects.toThrow('403');
  await expect(connect(stream.url, { headers: { authorization, origin: 'null' } })).rejects.toThrow('403');
  await using page = await connect(stream.url, {
    headers: { authorization, origin: 'https://app.example.org' },
  });
  await page.nextOf('hello');
  await expect(connect(stream.url.replace('/stream', '/other'))).rejects.toThrow('200');
});

test('worlds: of the key, of the request, of the subscription; permissions', async () => {
  await using stream = await openStream();
  const two = await stream.makeKey({ role: 'reader', worlds: ['one', 'two'] });
  const none = await stream.makeKey({ role: 'reader', worlds: ['one'], scopes: ['memory:read'] });
  const start = stream.log.head();
  await stream.publish({ world: 'one' }, { world: 'two' }, { world: 'three' }, { world: 'one' });
  const headers = { authorization: `Bearer ${two.key}` };
  await using client = await stream.connect({ headers });
  client.send({ action: 'subscribe', id: 'both', filters: ALL, after: start });
  client.send({ action: 'subscribe', id: 'two', filters: ALL, after: start, world: 'two' });
  client.send({ action: 'subscribe', id: 'three', filters: ALL, after: start, world: 'three' });
  expect(await client.nextOf('error')).toMatchObject({ code: 'forbidden', request: { id: 'three' } });
  await client.next(({ type, id }) => type === 'caught_up' && id === 'two');
  await stream.publish({ world: 'three' }, { world: 'two' });
  await client.next(({ event }) => (event as { position?: number } | undefined)?.position === start + 6);
  expect(client.positions('both')).toEqual([1, 2, 4, 6].map((n) => start + n));
  expect(client.positions('two')).toEqual([2, 6].map((n) => start + n));

  await using narrow = await stream.connect({ headers: { ...headers, 'x-crucible-world': 'two' } });
  narrow.send({ action: 'subscribe', id: 'a', filters: ALL, after: start });
  await narrow.nextOf('caught_up');
  expect(narrow.positions('a')).toEqual([2, 6].map((n) => start + n));
  narrow.send({ action: 'subscribe', id: 'b', filters: ALL, world: 'one' });
  expect(await narrow.nextOf('error')).toMatchObject({ code: 'forbidden' });

  await using blind = await stream.connect({ headers: { authorization: `Bearer ${none.key}` } });
  blind.send({ action: 'subscribe', filters: ALL });
  expect(await blind.nextOf('error')).toMatchObject({ code: 'forbidden' });
});

test('a revoked key and an expired one lose their connections', async () => {
  await using stream = await openStream({ limits: { checkpointMs: 5 } });
  const key = await stream.makeKey({ role: 'reader', worlds: ['one'] });
  const headers = { authorization: `Bearer ${key.key}` };
  await using client = await stream.connect({ headers });
  await using other = await stream.connect();
  await stream.revokeKey(key.id);
  expect(await client.nextOf('error')).toMatchObject({ code: 'unauthenticated' });
  expect((await client.closed).code).toBe(1008);

  const short = await stream.makeKey({
    role: 'reader',
    worlds: ['one'],
    expires_at: stream.clock.nowMs + 60_000,
  });
  await using ending = await stream.connect({ headers: { authorization: `Bearer ${short.key}` } });
  stream.clock.nowMs += 60_001;
  expect((await ending.closed).code).toBe(1008);
  other.send({ action: 'ping' });
  await other.nextOf('pong');
});

test('unsubscribe, by id and by filters in another spelling', async () => {
  await using stream = await openStream();
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'a', filters: NOTES });
  client.send({ action: 'subscribe', id: 'b', filters: ALL });
  client.send({ action: 'subscribe', id: 'b', filters: ALL });
  expect(await client.nextOf('error')).toMatchObject({ code: 'already_exists' });
  client.send({ action: 'unsubscribe', filters: [{ type: 'Custom.Note.Imported' }] });
  expect(await client.nextOf('unsubscribed')).toMatchObject({ id: 'a' });
  await stream.publish({});
  expect(await client.nextOf('event')).toMatchObject({ subscriptions: ['b'] });
  client.send({ action: 'unsubscribe', id: 'b' });
  await client.nextOf('unsubscribed');
  client.send({ action: 'unsubscribe', id: 'b' });
  expect(await client.nextOf('error')).toMatchObject({ code: 'not_found', request: { id: 'b' } });
});

test('checkpoints say how far it is where nothing matches', async () => {
  await using stream = await openStream({ limits: { checkpointMs: 5 } });
  await using client = await stream.connect();
  client.send({ action: 'subscribe', filters: [{ event_type: 'custom.never' }] });
  await client.nextOf('subscribed');
  const [first = 0] = await stream.publish({});
  expect(await client.nextOf('checkpoint')).toEqual({ type: 'checkpoint', position: first });
  const [second = 0] = await stream.publish({});
  expect(await client.nextOf('checkpoint')).toEqual({ type: 'checkpoint', position: second });
});

test('a filter that fails on an event says so, at its place', async () => {
  await using stream = await openStream();
  await using client = await stream.connect();
  client.send({
    action: 'subscribe',
    id: 'w',
    filters: [{ event_type: 'custom.note.imported', when: 'event.payload.title > 1' }],
  });
  await client.nextOf('subscribed');
  await stream.publish({ payload: { title: 'text' } });
  expect(await client.nextOf('error')).toMatchObject({ code: 'invalid', request: { id: 'w', position: 1 } });
  await stream.publish({ payload: { title: 2 } });
  expect(await client.nextOf('event')).toMatchObject({ event: { position: 2 } });
});

test('the server stops: everything committed before arrives, then 1012', async () => {
  await using stream = await openStream();
  await using client = await stream.connect();
  client.send({ action: 'subscribe', id: 'a', filters: ALL });
  await client.nextOf('subscribed');
  await stream.publish({}, {}, {});
  await stream.stop();
  expect((await client.closed).code).toBe(1012);
  expect(client.positions('a')).toEqual([1, 2, 3]);
  await expect(connect(stream.url)).rejects.toThrow('ECONNREFUSED');
});

test('heartbeats both ways; who is silent is gone', async () => {
  await using stream = await openStream({ limits: { heartbeatMs: 10 } });
  await using client = await stream.connect();
  const pinged = vi.fn<() => void>();
  client.ws.on('ping', pinged);
  for (let n = 0; n < 5; n += 1) await client.nextOf('ping');
  expect(pinged).toHaveBeenCalled();
  client.ws.ping('payload');
  const [data] = await new Promise<[Buffer]>((resolve) => {
    client.ws.once('pong', (payload) => resolve([payload]));
  });
  expect(data.toString()).toBe('payload');
  await using mute = await stream.connect({ autoPong: false });
  expect((await mute.closed).code).toBe(1006);
  await vi.waitFor(() => expect(stream.stream.figures().connections).toBe(1));
});
