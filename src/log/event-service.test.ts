import { describe, expect, test } from 'vitest';
import { catalogue } from '../events/catalogue.ts';
import { withOrigin } from '../kernel/context.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { createLog, idleReactor } from './create-log.ts';
import { createEventService, type EventService, type PublishInput } from './event-service.ts';
import type { Log } from './log.ts';
import { createMemoryStore } from './memory-store.ts';

const alice: Origin = {
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world: 'default',
  correlation_id: 'cor_story',
  causation_id: 'evt_cause',
  depth: 3,
};

const open = async (): Promise<{ log: Log; service: EventService; publish: Publish }> => {
  const log = await createLog({
    store: createMemoryStore({ tables: [] }),
    reactor: idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
    upcast: catalogue.upcast,
  });
  const service = createEventService({ log, newId });
  return {
    log,
    service,
    publish: (inputs, options = {}, origin = alice) =>
      withOrigin(origin, () => service.publish(inputs, options)),
  };
};

type Publish = (
  inputs: readonly PublishInput[],
  options?: Parameters<EventService['publish']>[1],
  origin?: Origin,
) => ReturnType<EventService['publish']>;

const failure = async (work: Promise<unknown>): Promise<CrucibleError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof CrucibleError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

const note = (payload: JsonObject = { n: 1 }): PublishInput => ({ type: 'custom.note', payload });

describe('publishing', () => {
  test('the envelope comes from the origin; the answer says where it stands', async () => {
    const { service, publish } = await open();
    const [first, second] = await publish([
      {
        type: 'Custom.Note.Imported',
        payload: { title: 'x' },
        subject: 'note-1',
        room: 'r',
        version: '2.1.0',
      },
      note(),
    ]);
    expect(first).toMatchObject({
      position: 1,
      type: 'custom.note.imported',
      correlation_id: 'cor_story',
      duplicate: false,
    });
    expect(second?.position).toBe(2);
    expect(await service.get(first?.id ?? '', undefined)).toMatchObject({
      type: 'custom.note.imported',
      version: '2.1.0',
      source: { kind: 'user', user_id: 'alice' },
      actor: 'user:alice',
      subject: 'note-1',
      correlation_id: 'cor_story',
      causation_id: 'evt_cause',
      depth: 3,
      world: 'default',
      room: 'r',
      payload: { title: 'x' },
    });
  });

  test('outside of any request nothing is published', async () => {
    const { service } = await open();
    expect((await failure(service.publish([note()], {}))).code).toBe('internal');
  });

  test('all or nothing, and every issue with its index; the gravest decides the code', async () => {
    const { log, publish } = await open();
    const error = await failure(
      publish([
        note(),
        { type: 'memory.created', payload: {} },
        { type: 'memry.created', payload: {} },
        { type: 'custom.x', payload: { n: 2 ** 53, s: '\ud800' }, subject: '', id: 'evt_1', version: '1' },
      ]),
    );
    expect(error.code).toBe('reserved_type');
    expect(error.issues.map(({ path }) => path)).toEqual([
      'events.1.type',
      'events.2.type',
      'events.3.subject',
      'events.3.version',
      'events.3.id',
      'events.3.payload.n',
      'events.3.payload.s',
    ]);
    expect(log.head()).toBe(0);
  });

  test.each<[string, PublishInput, string, string]>([
    ['a type of ours', { type: 'Hook.Executed', payload: {} }, 'reserved_type', 'events.0.type'],
    ['no type', { type: 'nope', payload: {} }, 'unknown_event_type', 'events.0.type'],
    ['a wildcard', { type: 'custom.*', payload: {} }, 'unknown_event_type', 'events.0.type'],
    ['a payload that is a list', { type: 'custom.x', payload: [] as never }, 'invalid', 'events.0.payload'],
    ['no payload', { type: 'custom.x' } as never, 'invalid', 'events.0.payload'],
    ['a NUL in the subject', { ...note(), subject: 'a\0' }, 'invalid', 'events.0.subject'],
    ['a room that is too long', { ...note(), room: 'r'.repeat(600) }, 'invalid', 'events.0.room'],
    [
      'an id of version 4',
      { ...note(), id: 'evt_11111111-1111-4111-8111-111111111111' },
      'invalid',
      'events.0.id',
    ],
    ['too large', note({ s: 'x'.repeat(256 * 1024) }), 'payload_too_large', 'events.0.payload'],
    ['too large in bytes only', note({ s: '€'.repeat(100_000) }), 'payload_too_large', 'events.0.payload'],
  ])('%s is refused', async (_, input, code, path) => {
    const { publish } = await open();
    const error = await failure(publish([input]));
    expect(error.code).toBe(code);
    expect(error.issues[0]?.path).toBe(path);
  });

  test('none, and more than a thousand', async () => {
    const { publish } = await open();
    expect((await failure(publish([]))).code).toBe('invalid');
    expect((await failure(publish(Array.from({ length: 1_001 }, () => note())))).issues).toHaveLength(1);
    expect(await publish(Array.from({ length: 1_000 }, () => note()))).toHaveLength(1_000);
  });

  test('the same key and body give the same events', async () => {
    const { log, publish } = await open();
    const idempotency = { scope: 'alice/default/publish', key: 'k', hash: 'h' };
    const first = await publish([note(), note()], { idempotency });
    const second = await publish([note(), note()], { idempotency });
    expect(second.map(({ id, position }) => [id, position])).toEqual(
      first.map(({ id, position }) => [id, position]),
    );
    expect(second.map(({ duplicate }) => duplicate)).toEqual([true, true]);
    expect(log.head()).toBe(2);
  });
});

describe("the client's own ids", () => {
  test('published twice, stored once', async () => {
    const { log, publish } = await open();
    const id = newId('evt');
    const [first] = await publish([{ ...note(), id }]);
    const again = await publish([note({ other: true }), { ...note(), id }]);
    expect(first).toMatchObject({ id, position: 1, duplicate: false });
    expect(again.map(({ position, duplicate }) => [position, duplicate])).toEqual([
      [2, false],
      [1, true],
    ]);
    expect(log.head()).toBe(2);
  });

  test('at the same time too', async () => {
    const { log, publish } = await open();
    const id = newId('evt');
    const results = await Promise.all([publish([{ ...note(), id }]), publish([{ ...note(), id }])]);
    expect(results.flat().map(({ position }) => position)).toEqual([1, 1]);
    expect(log.head()).toBe(1);
  });

  test('for another event, or in another world, is refused and nothing is written', async () => {
    const { log, publish } = await open();
    const id = newId('evt');
    await publish([{ ...note(), id }]);
    expect((await failure(publish([note(), { ...note({ n: 2 }), id }]))).code).toBe('idempotency_key_reused');
    const bob = { ...alice, world: 'other' };
    expect((await failure(publish([{ ...note(), id }], {}, bob))).code).toBe('idempotency_key_reused');
    expect(log.head()).toBe(1);
  });

  test('the first stands for the same run, where that is asked for, and for nobody else', async () => {
    const { log, publish } = await open();
    const id = newId('evt');
    const run = { ...alice, actor: 'hook:a', causation_id: newId('evt') };
    const again = { ...note({ n: 2 }), id };
    await publish([{ ...note(), id }], {}, run);
    expect(await publish([again], { firstStands: true }, run)).toMatchObject([
      { id, position: 1, duplicate: true },
    ]);
    for (const [options, origin] of [
      [{}, run],
      [{ firstStands: true }, alice],
      [{ firstStands: true }, { ...run, causation_id: newId('evt') }],
      [{ firstStands: true }, { ...run, world: 'other' }],
    ] as const)
      expect((await failure(publish([again], options, origin))).code).toBe('idempotency_key_reused');
    expect(log.head()).toBe(1);
  });

  test('twice in one request is refused', async () => {
    const { publish } = await open();
    const id = newId('evt');
    expect(
      (
        await failure(
          publish([
            { ...note(), id },
            { ...note(), id },
          ]),
        )
      ).issues.map(({ path }) => path),
    ).toEqual(['events.1.id']);
  });
});

describe('reading', () => {
  test('an event of a world that the caller cannot see is not there', async () => {
    const { service, publish } = await open();
    const [event] = await publish([note()]);
    const id = event?.id ?? '';
    expect(await service.get(id, ['default'])).toMatchObject({ id });
    expect((await failure(service.get(id, ['other']))).code).toBe('not_found');
    expect((await failure(service.trace(id, { worlds: ['other'] }))).code).toBe('not_found');
    expect((await failure(service.get("evt_'; DELETE commit; --", undefined))).message).not.toContain(
      'DELETE',
    );
  });

  test('queries take types in any spelling, families, and filters', async () => {
    const { service, publish } = await open();
    await publish([
      { type: 'custom.note.a', payload: { n: 1 } },
      { type: 'custom.note.b', payload: { n: 2 } },
      { type: 'custom.other', payload: { n: 3 } },
    ]);
    const positions = async (query: Parameters<EventService['query']>[0]) =>
      (await service.query(query)).data.map(({ position }) => position);
    expect(await positions({ types: ['Custom.Note.A'] })).toEqual([1]);
    expect(await positions({ types: ['custom.note.*'] })).toEqual([1, 2]);
    expect(await positions({ types: [] })).toEqual([1, 2, 3]);
    expect(await positions({ filters: [{ event_type: '*', filter: { n: { greater_than: 1 } } }] })).toEqual([
      2, 3,
    ]);
    expect(
      await positions({
        types: ['custom.note.*'],
        filters: [{ event_type: '*', when: 'event.payload.n > 1' }],
      }),
    ).toEqual([2]);
    expect(await positions({ source: 'user' })).toEqual([1, 2, 3]);
    expect(await positions({ source: 'user:bob' })).toEqual([]);
  });

  test('what is wrong with a query is told by path', async () => {
    const { service } = await open();
    const paths = async (query: Parameters<EventService['query']>[0]) => {
      const { code, issues } = await failure((async () => service.query(query))());
      return [code, ...issues.map(({ path }) => path)];
    };
    expect(await paths({ types: ['custom.x', 'memory.creatd'] })).toEqual(['unknown_event_type', 'types.1']);
    expect(await paths({ source: 'alien' })).toEqual(['invalid', 'source']);
    expect(await paths({ filters: [{ event_type: 'memory.tagged', filter: { tga: 1 } }] })).toEqual([
      'invalid',
      'filters.0.filter.tga',
    ]);
  });

  test('the story of an event', async () => {
    const { service, publish } = await open();
    const [event] = await publish([note(), note()]);
    await publish([note()], {}, { ...alice, correlation_id: 'cor_other' });
    const story = await service.trace(event?.id ?? '', {});
    expect(story.data.map(({ position }) => position)).toEqual([1, 2]);
  });

  test('`*` in a query takes in what tells of reactions', async () => {
    const { log, service } = await open();
    const base = {
      version: '1.0.0',
      source: alice.source,
      actor: 'a',
      subject: null,
      correlation_id: 'c',
      causation_id: null,
      depth: 0,
      world: 'default',
      room: null,
    };
    await log.append({ events: [{ ...base, id: newId('evt'), type: 'hook.executed', payload: {} }] });
    expect((await service.query({ filters: [{ event_type: '*' }] })).data).toHaveLength(1);
  });
});
