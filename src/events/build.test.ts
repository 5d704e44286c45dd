import { expect, test } from 'vitest';
import { newId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import { buildEvent } from './build.ts';
import { failureOf } from './testing/failure.ts';

const origin: Origin = {
  source: { kind: 'system', component: 'hooks' },
  actor: 'system:hooks',
  world: 'lab',
  correlation_id: 'cor_1',
  causation_id: 'evt_1',
  depth: 2,
};

test('fills in the envelope from the origin and the version from the catalogue', () => {
  const event = buildEvent(
    {
      type: 'memory.updated',
      payload: { id: 'm', previous_hash: null, new_hash: 'h', patch: [] },
      subject: 'm',
    },
    origin,
    { newId },
  );
  expect(event).toEqual({
    id: expect.stringMatching(/^evt_[0-9a-f-]{36}$/),
    type: 'memory.updated',
    version: '2.1.0',
    source: { kind: 'system', component: 'hooks' },
    actor: 'system:hooks',
    subject: 'm',
    correlation_id: 'cor_1',
    causation_id: 'evt_1',
    depth: 2,
    world: 'lab',
    room: null,
    payload: { id: 'm', previous_hash: null, new_hash: 'h', patch: [] },
  });
});

test('undefined fields are absent, at any depth', () => {
  const error = { code: 'x', message: 'y', detail: undefined };
  const event = buildEvent(
    { type: 'custom.x', payload: { a: undefined, list: [error], kept: null } as never },
    origin,
    { newId },
  );
  expect(Object.keys(event.payload)).toEqual(['list', 'kept']);
  expect(event.payload['list']).toEqual([{ code: 'x', message: 'y' }]);
  expect(event.version).toBe('1.0.0');
});

test('a payload that does not fit is refused, with every issue under `payload`', () => {
  const build = () =>
    buildEvent({ type: 'memory.tagged', payload: { id: '', tg: '#a' } as never }, origin, { newId });
  const error = failureOf(build);
  expect(error.code).toBe('schema_mismatch');
  expect(error.issues.map(({ path }) => path).sort()).toEqual(['payload.id', 'payload.tag', 'payload.tg']);
});

test('the id and the room may be given', () => {
  const id = newId('evt');
  expect(buildEvent({ type: 'custom.x', payload: {}, id, room: 'r' }, origin, { newId })).toMatchObject({
    id,
    room: 'r',
  });
});
