import type { Origin } from '../origin.ts';

/** The origin of what a person does, as in a request of its own in the world `default`. */
export const userOrigin = (userId: string): Origin => ({
  source: { kind: 'user', user_id: userId },
  actor: `user:${userId}`,
  world: 'default',
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
});
