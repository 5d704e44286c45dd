import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.ts';
import { callHeaders, createClient } from '../../src/client/client.ts';
import type { Answer } from '../support/rest.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** What a client that does not know whether its request arrived may count on. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

const publish = (body: unknown, key?: string, headers: Record<string, string> = {}): Promise<Answer> =>
  stack.rest('POST', '/events', body, {
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...headers,
  });
const stored = async (type: string): Promise<{ id: string; payload: object }[]> =>
  (await stack.rest('GET', `/events?type=${type}&order=asc&limit=1000`)).body.data;
const places = ({ body }: Answer): { id: string; position: number }[] =>
  body.data.map(({ id, position }: { id: string; position: number }) => ({ id, position }));

describe('an idempotency key', () => {
  it('gives the same request the same answer, and effect once', async () => {
    const body = { events: [1, 2, 3].map((n) => ({ type: 'custom.key.same', payload: { n } })) };
    const first = await publish(body, 'same');
    const again = await publish(body, 'same');
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(places(again)).toEqual(places(first));
    expect(again.body.data.map((event: object) => ({ ...event, duplicate: false }))).toEqual(first.body.data);
    expect(again.body.data.every(({ duplicate }: { duplicate: boolean }) => duplicate)).toBe(true);
    const byTrpc = await createClient({ url: stack.server.url, key: TEST_KEY }).events.publish.mutate(body, {
      context: callHeaders({ idempotencyKey: 'same' }),
    });
    expect(byTrpc.data.map(({ id }) => id)).toEqual(places(first).map(({ id }) => id));
    expect(await stored('custom.key.same')).toHaveLength(3);
  });

  it('is refused for another body, and stores nothing of it', async () => {
    await publish({ type: 'custom.key.other', payload: { n: 1 } }, 'other');
    const { status, body } = await publish({ type: 'custom.key.other', payload: { n: 2 } }, 'other');
    expect([status, body.code]).toEqual([422, 'idempotency_key_reused']);
    expect(await stored('custom.key.other')).toMatchObject([{ payload: { n: 1 } }]);
  });

  it('takes effect once, however many come at the same time', async () => {
    const body = { events: [1, 2].map((n) => ({ type: 'custom.key.rush', payload: { n } })) };
    const answers = await Promise.all(Array.from({ length: 40 }, () => publish(body, 'rush')));
    const taken = answers.filter(({ status }) => status === 201);
    for (const { status, body: problem } of answers.filter((answer) => !taken.includes(answer)))
      expect([status, problem.code]).toEqual([409, 'idempotency_in_flight']);
    expect(new Set(taken.map((answer) => JSON.stringify(places(answer)))).size).toBe(1);
    expect(taken.filter(({ body: { data } }) => data[0].duplicate === false)).toHaveLength(1);
    expect(await stored('custom.key.rush')).toHaveLength(2);
  });

  it('takes one of several bodies that come at the same time, and refuses the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => publish({ type: 'custom.key.race', payload: { n } }, 'race')),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer.status !== 201))
      expect(['422 idempotency_key_reused', '409 idempotency_in_flight']).toContain(`${status} ${body.code}`);
    expect(await stored('custom.key.race')).toHaveLength(1);
  });

  it('is not used up by a request that was refused', async () => {
    expect((await publish({ type: 'memory.created', payload: {} }, 'refused')).status).toBe(403);
    expect((await publish({ type: 'custom.key.mended', payload: {} }, 'refused')).status).toBe(201);
  });

  it('belongs to its route and its world', async () => {
    const event = { type: 'custom.key.scope', payload: {} };
    await publish(event, 'scope');
    const elsewhere = await publish(event, 'scope', { 'x-crucible-world': 'work' });
    expect([elsewhere.status, elsewhere.body.data[0].duplicate]).toEqual([201, false]);
    const webhook = { url: 'http://127.0.0.1:9/', filters: [{ event_type: 'custom.never' }] };
    const make = (): Promise<Answer> =>
      stack.rest('POST', '/webhooks', webhook, { 'idempotency-key': 'scope' });
    const [made, again] = [await make(), await make()];
    expect([made.status, again.status]).toEqual([201, 201]);
    expect(again.body).toMatchObject({ id: made.body.id, secret: null });
    expect(made.body.secret).toMatch(/^whsec_/);
    expect((await stack.rest('GET', '/webhooks')).body.data).toHaveLength(1);
    const rush = await Promise.all(
      Array.from({ length: 10 }, () =>
        stack.rest('POST', '/webhooks', webhook, { 'idempotency-key': 'rush' }),
      ),
    );
    const taken = rush.filter(({ status }) => status === 201);
    expect(new Set(taken.map(({ body }) => body.id)).size).toBe(1);
    expect(taken.filter(({ body }) => body.secret !== null)).toHaveLength(1);
    expect((await stack.rest('GET', '/webhooks')).body.data).toHaveLength(2);
  });
});

describe('an id that the client gives', () => {
  it('names one event for good', async () => {
    const id = newId('evt');
    const event = { type: 'custom.id.twice', subject: 's', payload: { n: 1 }, id };
    const first = await publish(event);
    const again = await publish(event);
    expect(first.body.data).toMatchObject([{ id, duplicate: false }]);
    expect(again.body.data).toEqual([{ ...first.body.data[0], duplicate: true }]);
    for (const other of [
      { payload: { n: 2 } },
      { subject: 't' },
      { type: 'custom.id.other' },
      { room: 'r' },
    ]) {
      const { status, body } = await publish({ ...event, ...other });
      expect([status, body.code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect(await stored('custom.id.twice')).toHaveLength(1);
    expect(await stored('custom.id.other')).toEqual([]);
  });

  it('is stored once, however many come at the same time, alone or among others', async () => {
    const id = newId('evt');
    const event = { type: 'custom.id.rush', payload: { n: 1 }, id };
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        publish(n % 2 === 0 ? event : { events: [{ type: 'custom.id.beside', payload: { n } }, event] }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    const found = answers.flatMap(({ body }) => body.data.filter((one: { id: string }) => one.id === id));
    expect(found).toHaveLength(30);
    expect(new Set(found.map(({ position }) => position)).size).toBe(1);
    expect(found.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await stored('custom.id.rush')).toHaveLength(1);
    expect(await stored('custom.id.beside')).toHaveLength(15);
  });

  it('of another event is refused with the whole request', async () => {
    const id = newId('evt');
    await publish({ type: 'custom.id.first', payload: {}, id });
    const events = [
      { type: 'custom.id.second', payload: {} },
      { type: 'custom.id.second', payload: {}, id },
    ];
    expect((await publish({ events })).body.code).toBe('idempotency_key_reused');
    expect(await stored('custom.id.second')).toEqual([]);
  });
});

describe('what stands in the log', () => {
  it('runs once, also when it was sent many times', async () => {
    const hook = {
      name: 'once',
      trigger: { events: [{ type: 'custom.once' }] },
      action: { type: 'script', source: 'export default () => 1;' },
    };
    expect((await stack.rest('POST', '/hooks', hook)).status).toBe(201);
    const id = newId('evt');
    await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        publish({ type: 'custom.once', payload: {}, id }, n < 5 ? 'once' : undefined),
      ),
    );
    const runs = async () => (await stack.rest('GET', '/hooks/once/runs')).body.data;
    await expect.poll(async () => (await runs())[0]?.state, { timeout: 30_000 }).toBe('succeeded');
    expect(await runs()).toHaveLength(1);
    expect(await stored('hook.executed')).toHaveLength(1);
  });
});
