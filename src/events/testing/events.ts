/** Events for the tests of this folder. */
import type { JsonObject } from '../../kernel/json.ts';
import type { CrucibleEvent } from '../envelope.ts';

export const committed = (
  type: string,
  payload: JsonObject,
  envelope: Partial<CrucibleEvent> = {},
): CrucibleEvent => ({
  id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  type,
  version: '1.0.0',
  position: 42,
  timestamp: '2026-11-24T10:30:00.123Z',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: null,
  correlation_id: 'cor_01932f6e-0000-7c3e-9b55-0d6c2a1f4e10',
  causation_id: null,
  depth: 0,
  world: 'default',
  room: null,
  payload,
  ...envelope,
});
