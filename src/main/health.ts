import type { Starter } from '../dispatch/starter.ts';
import type { ComponentState, Health } from '../http/health.ts';
import type { Log } from '../log/log.ts';
import type { Temporal } from '../temporal/temporal.ts';

/**
 * What `/readyz` shows. Without Temporal the server still takes writes, and runs wait: it is degraded, not down. Without
 * its database it takes none.
 */
export const healthOf = (parts: {
  readonly log: Pick<Log, 'problem'>;
  readonly temporal: Temporal;
  readonly starter: Starter;
}): Health => ({
  components: (): readonly ComponentState[] => {
    const problem = parts.temporal.problem() ?? parts.starter.blocked;
    const logProblem = parts.log.problem();
    return [
      logProblem === undefined
        ? { name: 'log', state: 'ready' }
        : { name: 'log', state: 'failed', detail: logProblem },
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

/** What `/readyz` of a server shows that follows another one: ready as long as it hears of that one's commits. */
export const healthOfFollower = (parts: {
  readonly log: Pick<Log, 'problem'>;
  readonly leaderUrl: string;
}): Health => ({
  components: (): readonly ComponentState[] => {
    const problem = parts.log.problem();
    const detail = `following ${parts.leaderUrl}`;
    return [
      problem === undefined
        ? { name: 'log', state: 'ready', detail }
        : { name: 'log', state: 'failed', detail: `${detail}: ${problem}` },
    ];
  },
});
