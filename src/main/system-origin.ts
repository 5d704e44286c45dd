import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';

/** What the product does of its own accord, with nobody's request behind it. */
export const systemOrigin = (component: string, newId: NewId): Origin => ({
  source: { kind: 'system', component },
  actor: `system:${component}`,
  world: 'default',
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
});
