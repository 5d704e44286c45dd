import type { NewEvent } from '../../src/events/envelope.ts';
import { newId } from '../../src/kernel/ids.ts';

/** An event for tests: valid as it is, changed by what is given. */
export const sampleEvent = (overrides: Partial<NewEvent> = {}): NewEvent => ({
  id: newId('evt'),
  type: 'custom.note.imported',
  version: '1.0.0',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: null,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
  world: 'default',
  room: null,
  payload: { title: 'A note', tags: ['#ai'] },
  ...overrides,
});
