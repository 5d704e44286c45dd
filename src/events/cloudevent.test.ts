import { expect, test } from 'vitest';
import { toCloudEvent, traceparentOf } from './cloudevent.ts';
import { committed } from './testing/events.ts';

test('an event as a CloudEvent', () => {
  const event = committed(
    'memory.tagged',
    { id: 'm', tag: '#a' },
    {
      subject: 'm',
      causation_id: 'evt_0',
      world: 'my lab',
      source: { kind: 'agent', agent_id: 'web/search' },
    },
  );
  expect(toCloudEvent(event, 'https://crucible.example.org')).toEqual({
    specversion: '1.0',
    id: event.id,
    source: '/worlds/my%20lab/agent/web%2Fsearch',
    type: 'memory.tagged',
    subject: 'm',
    time: '2026-11-24T10:30:00.123Z',
    datacontenttype: 'application/json',
    dataschema: 'https://crucible.example.org/api/v1/event-types/memory.tagged?version=1.0.0',
    sequence: '00000000000000000042',
    traceparent: '00-01932f6e00007c3e9b550d6c2a1f4e10-9b550d6c2a1f4e10-01',
    correlationid: event.correlation_id,
    causationid: 'evt_0',
    actor: 'user:alice',
    data: { id: 'm', tag: '#a' },
  });
});

test('what an event lacks is left out; names are those that CloudEvents allows', () => {
  const cloudEvent = toCloudEvent(committed('custom.x', {}, { correlation_id: 'story-7' }));
  expect(cloudEvent).not.toHaveProperty('subject');
  expect(cloudEvent).not.toHaveProperty('causationid');
  expect(cloudEvent).not.toHaveProperty('traceparent');
  expect(cloudEvent.dataschema).toBe('urn:crucible:event-type:custom.x:1.0.0');
  for (const name of Object.keys(cloudEvent)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  for (const value of Object.values(cloudEvent)) expect(value).not.toBeNull();
});

test('sequences sort as positions do', () => {
  const sequence = (position: number) => toCloudEvent(committed('custom.x', {}, { position })).sequence;
  const positions = [1, 9, 10, 99, 100, 2 ** 40, Number.MAX_SAFE_INTEGER];
  expect(positions.map(sequence).sort()).toEqual(positions.map(sequence));
});

test('a story has one trace, and events of their own', () => {
  const one = committed('custom.x', {}, { correlation_id: '0af7651916cd43dd8448eb211c80319c' });
  expect(traceparentOf(one)).toBe('00-0af7651916cd43dd8448eb211c80319c-9b550d6c2a1f4e10-01');
  expect(traceparentOf({ ...one, correlation_id: '0'.repeat(32) })).toBeUndefined();
});
