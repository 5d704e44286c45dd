import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { auditLog, auditRuns, readAll, readRuns } from '../crash/audit.ts';
import { load, settle, type Memory } from '../crash/load.ts';
import { restOf } from '../support/rest.ts';
import { openSeveralServers, readiness, TEST_INTERNAL_KEY } from '../support/several-servers.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { surrealBinary } from '../support/surreal-server.ts';
import { connect } from '../../src/stream/testing/client.ts';

const WAIT = { timeout: 60_000, interval: 100 };

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

const FOLLOWED = { CRUCIBLE_INTERNAL_KEY: TEST_INTERNAL_KEY, CRUCIBLE_INTERNAL_PORT: '0' };

/** One that writes, and one that follows it. */
const openTwo = async () => {
  const place = await openSeveralServers(binary ?? '');
  const first = await place.start(FOLLOWED);
  const leader = await first.started;
  const second = await place.start(FOLLOWED);
  const follower = await second.started;
  return {
    place,
    leader: { ...leader, rest: restOf(first.url), url: first.url },
    follower: { ...follower, rest: restOf(second.url), url: second.url },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
};

/** What is there only where servers follow each other, as the reference names it. */
const metricsOfFollowing = async (url: string): Promise<readonly string[]> => {
  const page = await readFile(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
  const named = page.split('## Servers that follow')[1]?.match(/`crucible_\w+`/g) ?? [];
  const served = await (await fetch(`${url}/metrics`)).text();
  return named.map((name) => name.slice(1, -1)).filter((name) => served.includes(`# TYPE ${name} gauge`));
};

const roleOf = async (url: string): Promise<string | undefined> =>
  /^crucible_leading (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];

describe.skipIf(binary === undefined)(`a server that follows another one${why}`, () => {
  it('answers and is written through, as if it were the only one', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    expect(await readiness(follower.url)).toEqual([200, 'ready']);
    const ready = await (await fetch(`${follower.url}/readyz`)).json();
    expect(ready).toMatchObject({
      components: [{ name: 'log', detail: expect.stringMatching(/^following http:\/\/127\.0\.0\.1:\d+$/) }],
    });
    expect([await roleOf(leader.url), await roleOf(follower.url)]).toEqual(['1', '0']);
    expect(await metricsOfFollowing(leader.url)).toEqual(['crucible_commits_told']);
    expect(await metricsOfFollowing(follower.url)).toEqual(['crucible_commits_applied']);

    // Its own write at once; that of the other within the feed. One order.
    for (const [to, n] of [
      [follower, 1],
      [leader, 2],
      [follower, 3],
    ] as const) {
      const { status, body } = await to.rest('POST', '/events', { type: 'custom.x', payload: { n } });
      expect(status).toBe(201);
      const [{ id }] = body.data;
      expect((await to.rest('GET', `/events/${id}`)).status).toBe(200);
      for (const other of [leader, follower])
        await expect.poll(async () => (await other.rest('GET', `/events/${id}`)).status, WAIT).toBe(200);
    }
    const texts = async ({ rest }: typeof leader) =>
      (await readAll(rest)).filter(({ type }) => type === 'custom.x').map(({ payload }) => payload);
    expect(await texts(follower)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await texts(leader)).toEqual(await texts(follower));

    // One key is one event, wherever it is sent.
    const sent = { type: 'custom.once', payload: {} };
    const key = { 'idempotency-key': 'once' };
    const once = await follower.rest('POST', '/events', sent, key);
    const twice = await leader.rest('POST', '/events', sent, key);
    expect(twice.body.data).toMatchObject([{ id: once.body.data[0].id, duplicate: true }]);

    // State: memories, graph, hooks, types.
    const memory = await follower.rest('POST', '/memory', { content: '# Deep\n\nSee [[Wide]] #ml' });
    expect(memory.status).toBe(201);
    const { id } = memory.body;
    expect((await follower.rest('GET', `/memory/${id}`)).body).toEqual(memory.body);
    expect((await follower.rest('POST', '/memory/query', { text: 'deep' })).body.total).toBe(1);
    expect((await follower.rest('GET', `/graph/nodes/${id}`)).status).toBe(200);
    const schema = { type: 'object', properties: { n: { type: 'integer' } } };
    const registered = await leader.rest('PUT', '/event-types/custom.y', { version: '1.0.0', schema });
    expect(registered.status).toBe(200);
    await expect
      .poll(async () => (await follower.rest('GET', '/event-types/custom.y')).status, WAIT)
      .toBe(200);
    expect((await follower.rest('PUT', '/event-types/custom.z', { version: '1.0.0', schema })).status).toBe(
      200,
    );
    expect((await follower.rest('GET', '/event-types/custom.z')).status).toBe(200);

    // Problems are the same, whoever is asked.
    const wrong = { type: 'custom.y', payload: { n: 'one' } };
    const [there, here] = [
      await leader.rest('POST', '/events', wrong),
      await follower.rest('POST', '/events', wrong),
    ];
    expect([here.status, here.body.code, here.headers.get('content-type')]).toEqual([
      there.status,
      there.body.code,
      'application/problem+json',
    ]);
    expect(here.body.code).toBe('schema_mismatch');
    expect(here.headers.has('x-crucible-sequence')).toBe(false);
    expect((await follower.rest('GET', `/events/${once.body.data[0].id}/explain`)).status).toBe(200);
  });

  it('shows what was written by way of it, at once, while much else is written', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const writeAndRead = async ({ rest }: typeof leader, who: number): Promise<readonly string[]> => {
      const wrong: string[] = [];
      const tag = `#own-${'abcdefgh'.charAt(who)}`;
      for (let n = 0; n < 10; n += 1) {
        const title = `note ${who} ${n}`;
        const made = await rest('POST', '/memory', {
          content: `# ${title}\n\nunique${who}x${n} [[note ${who}]]`,
        });
        const { id } = made.body;
        const read = await rest('GET', `/memory/${id}`);
        if (JSON.stringify(read.body) !== JSON.stringify(made.body))
          wrong.push(`${title}: another one is read`);
        const found = await rest('POST', '/memory/query', { text: `unique${who}x${n}` });
        if (found.body.total !== 1) wrong.push(`${title}: found ${found.body.total} times`);
        await rest('POST', `/memory/${id}/tag`, { tag });
        const tagged = await rest('POST', '/memory/query', { tags: [tag], limit: 50 });
        if (tagged.body.total !== n + 1) wrong.push(`${title}: ${tagged.body.total} have its tag`);
        if ((await rest('GET', `/graph/nodes/${id}`)).status !== 200) wrong.push(`${title}: no node`);
        const near = await rest('POST', '/graph/traverse', { start: id, depth: 1 });
        if (near.status !== 200) wrong.push(`${title}: ${JSON.stringify(near.body)}`);
      }
      return wrong;
    };
    const callers = Array.from({ length: 8 }, (_, who) => writeAndRead(who < 6 ? follower : leader, who));
    expect((await Promise.all(callers)).flat()).toEqual([]);
    const all = async ({ rest }: typeof leader) =>
      (await readAll(rest)).map(({ id, position }) => [position, id]);
    const events = await all(leader);
    await expect.poll(async () => (await all(follower)).length, WAIT).toBe(events.length);
    expect(await all(follower)).toEqual(events);
    expect(events.map(([position]) => position)).toEqual(events.map((_, n) => n + 1));
  });

  it('refuses a key that was revoked at the other one, and takes one that was made there', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const made = await leader.rest('POST', '/keys', { name: 'k', role: 'editor' });
    expect(made.status).toBe(201);
    const ask = async (key: string): Promise<number> =>
      (await restOf(follower.url, key)('GET', '/events?limit=1')).status;
    await expect.poll(() => ask(made.body.key), WAIT).toBe(200);
    const own = await follower.rest('POST', '/keys', { name: 'own', role: 'editor' });
    expect(await ask(own.body.key)).toBe(200);
    expect((await leader.rest('DELETE', `/keys/${made.body.id}`)).status).toBe(204);
    await expect.poll(() => ask(made.body.key), WAIT).toBe(401);
    // By itself: at once.
    expect((await follower.rest('DELETE', `/keys/${own.body.id}`)).status).toBe(204);
    expect(await ask(own.body.key)).toBe(401);
  });

  it('streams the events of the other one without a gap, and lets agents act through it', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const at = `${follower.url.replace('http', 'ws')}/api/v1/events/stream`;
    const authorization = `Bearer ${TEST_KEY}`;
    await using client = await connect(at, { headers: { authorization } });
    await client.nextOf('hello');
    client.send({ action: 'subscribe', id: 's', filters: [{ type: 'custom.s' }], after: 0 });
    await client.nextOf('subscribed');
    const sent: number[] = [];
    for (let n = 0; n < 50; n += 1) {
      const to = n % 2 === 0 ? leader : follower;
      const { body } = await to.rest('POST', '/events', { type: 'custom.s', payload: { n } });
      sent.push(body.data[0].position);
    }
    await expect.poll(() => client.positions('s').length, WAIT).toBe(50);
    expect(client.positions('s')).toEqual(sent);
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));

    const input = encodeURIComponent(JSON.stringify({ filters: [{ type: 'custom.s' }], after: 0 }));
    const left = new AbortController();
    const headers = { authorization, accept: 'text/event-stream' };
    const listening = await fetch(`${follower.url}/trpc/events.stream?input=${input}`, {
      headers,
      signal: left.signal,
    });
    let text = '';
    for await (const piece of listening.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.includes(`id: ${sent.at(-1)}\n`)) break;
    }
    left.abort();
    const told = [...text.matchAll(/"type":"event","position":(\d+)/g)].map(([, at]) => Number(at));
    expect(told).toEqual(sent);

    const agent = {
      name: 'worker',
      version: '1.0.0',
      actions: [{ name: 'add', handler: { type: 'stream', timeout_ms: 20_000 } }],
    };
    const registered = await follower.rest('POST', '/agents', agent);
    expect([registered.status, registered.body]).toMatchObject([201, { id: 'worker' }]);
    const { body: made } = await follower.rest('POST', '/keys', {
      name: 'a',
      role: 'agent',
      agent: 'worker',
    });
    const protocols = {
      header: { headers: { authorization: `Bearer ${made.key}` } },
      subprotocol: { protocols: [`crucible.key.${made.key}`] },
      message: {},
    };
    for (const [way, options] of Object.entries(protocols)) {
      await using connected = await connect(at, options);
      if (way === 'message') connected.send({ action: 'auth', key: made.key });
      await connected.nextOf('hello');
      const run = follower.rest('POST', '/agents/worker/actions', {
        action: 'add',
        inputs: { way },
        wait_ms: 20_000,
      });
      const action = await connected.nextOf('action');
      expect(action).toMatchObject({ action: 'add', inputs: { way } });
      connected.send({ action: 'result', run_id: action['run_id'], outputs: { ok: way } });
      expect((await run).body).toMatchObject({ state: 'succeeded', outputs: { ok: way } });
    }
  });

  it('goes on when the database was away, and when the one that writes hung', async () => {
    await using two = await openTwo();
    const { place, leader, follower } = two;
    const ask = async ({ rest }: typeof leader): Promise<number> =>
      (await rest('GET', '/memory?limit=1')).status;
    const publish = async ({ rest }: typeof leader): Promise<number> =>
      (await rest('POST', '/events', { type: 'custom.x', payload: {} })).status;
    expect([await ask(follower), await publish(follower)]).toEqual([200, 201]);
    await place.database.kill();
    expect([await ask(follower), await publish(follower)]).toEqual([503, 503]);
    await place.database.start();
    await expect.poll(() => publish(follower), WAIT).toBe(201);
    await expect.poll(() => ask(follower), WAIT).toBe(200);
    expect([await roleOf(leader.url), await roleOf(follower.url)]).toEqual(['1', '0']);

    // Who hears nothing says nothing: it cannot know whether a key was revoked.
    leader.child.kill('SIGSTOP');
    await expect.poll(() => ask(follower).catch(() => 'away'), WAIT).not.toBe(200);
    await expect.poll(() => roleOf(follower.url).catch(() => 'away'), WAIT).toBe('1');
    expect([await ask(follower), await publish(follower)]).toEqual([200, 201]);
    leader.child.kill('SIGCONT');
    expect((await leader.exited).code).toBe(75);
    expect(await publish(follower)).toBe(201);
  });

  it('stands by where the other one has another key, and says so', async () => {
    await using place = await openSeveralServers(binary ?? '');
    await (
      await place.start(FOLLOWED)
    ).started;
    const other = { ...FOLLOWED, CRUCIBLE_INTERNAL_KEY: `${TEST_INTERNAL_KEY}-other` };
    const second = await place.start(other);
    let said = '';
    second.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, WAIT).toContain('has another CRUCIBLE_INTERNAL_KEY');
    expect(await readiness(second.url)).toEqual([503, 'starting']);
    expect((await restOf(second.url)('POST', '/events', {})).body.code).toBe('fenced');
    second.child.kill('SIGTERM');
    await expect(second.started).rejects.toThrow('the server ended with 0 before it was ready');
  });

  it('takes the place of the one that is killed under load, and nothing acknowledged is lost', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const { rest } = follower;
    const trigger = { events: [{ type: 'custom.crash.hooked' }] };
    const action = { type: 'script', source: 'export default () => 1;' };
    expect((await rest('POST', '/hooks', { name: 'crash-hook', trigger, action })).status).toBe(201);
    const memory: Memory = { sent: [], next: 0 };
    const until = new AbortController();
    const loading = load(rest, memory, { callers: 8, hookedEvery: 10, signal: until.signal, run: 'two' });
    const acknowledged = () => memory.sent.filter(({ acknowledged: done }) => done !== undefined).length;
    await expect.poll(acknowledged, WAIT).toBeGreaterThan(300);
    await leader.kill();
    await expect.poll(() => roleOf(follower.url).catch(() => 'away'), WAIT).toBe('1');
    until.abort();
    await loading;
    await settle(rest, memory);
    const runs = () => readRuns(rest, '/hooks/crash-hook/runs');
    const unfinished = async () => (await runs()).filter(({ state }) => state !== 'succeeded').length;
    await expect.poll(unfinished, WAIT).toBe(0);
    const events = await readAll(rest);
    expect(auditLog(events, memory)).toEqual([]);
    expect(auditRuns('crash-hook', events, await runs(), new Set(['hook.executed']))).toEqual([]);

    // And is followed in its turn; asked to stop, it gives the lease back.
    const third = await two.place.start(FOLLOWED);
    const next = await third.started;
    expect([
      await roleOf(third.url),
      (await restOf(third.url)('POST', '/events', { type: 'custom.x', payload: {} })).status,
    ]).toEqual(['0', 201]);
    expect(await follower.stop()).toBe(0);
    await expect.poll(() => roleOf(third.url).catch(() => 'away'), WAIT).toBe('1');
    expect((await restOf(third.url)('POST', '/events', { type: 'custom.x', payload: {} })).status).toBe(201);
    expect(await next.stop()).toBe(0);
  });
});
