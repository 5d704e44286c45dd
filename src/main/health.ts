import type { Starter } from '../dispatch/starter.ts';
import type { ComponentState, Health } from '../http/health.ts';
import type { Temporal } from '../temporal/temporal.ts';

/**
 * What `/readyz` shows. Without Temporal the server still takes writes, and runs wait: it is degraded, not down.
 */
export const healthOf = (parts: { readonly temporal: Temporal; readonly starter: Starter }): Health => ({
  components: (): readonly ComponentState[] => {
    const problem = parts.temporal.problem() ?? parts.starter.blocked;
    return [
      { name: 'log', state: 'ready' },
      problem === undefined && parts.temporal.state() === 'working'
        ? { name: 'temporal', state: 'ready' }
        : { name: 'temporal', state: 'degraded', detail: problem ?? parts.temporal.state() },
      {
        name: 'runs',
        state: 'ready',
        detail: `${parts.starter.waiting} waiting, ${parts.starter.open} open`,
      },
    ];
  },
});
