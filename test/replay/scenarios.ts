import type { AttemptPolicy } from '../../src/dispatch/outcome.ts';
import type { Run } from '../../src/dispatch/run.ts';
import type { AttemptReply, DrainActivities } from '../../workflows/protocol.ts';
import { again, done, pendingRun, policy } from '../support/temporal-runs.ts';

/** A life of a run whose history is stored, so that later releases of the workflow code must still fit it. */
export interface Scenario {
  /** The name of its file in `histories`. */
  readonly name: string;
  readonly run: Run;
  readonly policy: AttemptPolicy;
  /** What each call of the activity does, in order; `throw`: the ledger could not be reached. */
  readonly calls: readonly (AttemptReply | 'throw')[];
  /** Cancelled after the last call. */
  readonly cancel?: boolean;
}

const webhook = (): Run => pendingRun({ kind: 'webhook', target: 'webhook:whk_1' });
const agent = (): Run => pendingRun({ kind: 'agent', target: 'agent:default/web-search' });

export const scenarios = (): Scenario[] => [
  { name: 'hook-local', run: pendingRun(), policy: policy(), calls: [done()] },
  {
    name: 'hook-local-unrecorded',
    run: pendingRun(),
    policy: policy(),
    calls: ['throw', 'throw', done()],
  },
  {
    name: 'hook-retries',
    run: pendingRun(),
    policy: policy(),
    calls: [again(2, 20), again(3, 40), done('dead', 'attempts')],
  },
  {
    name: 'hook-taken-over',
    run: pendingRun({ attempts: 3, state: 'retrying' }),
    policy: policy(),
    calls: [done('denied', 'not today')],
  },
  { name: 'hook-cancelled', run: pendingRun(), policy: policy(), calls: [again(2, 3_600_000)], cancel: true },
  {
    name: 'delivery-table',
    run: webhook(),
    policy: policy({ local: false, schedule: { kind: 'table', delaysMs: [30, 60] } }),
    calls: [again(2, 60), done()],
  },
  {
    name: 'delivery-local-then-retry',
    run: webhook(),
    policy: policy(),
    calls: [again(2, 0), done('failed', 'http_410')],
  },
  {
    name: 'action-retries',
    run: agent(),
    policy: policy({ local: false }),
    calls: [again(2, 20), done()],
  },
];

/** A life of the drain of a target. */
interface DrainScenario {
  readonly name: string;
  readonly target: string;
  /** What each call of the activity replies, in order; `throw`: the ledger could not be reached. */
  readonly calls: readonly (Awaited<ReturnType<DrainActivities['drain']>> | 'throw')[];
  /** Poked once more while the first call is under way. */
  readonly poked?: boolean;
}

const reply = (next: 'again' | 'due' | 'asleep', ids: readonly string[], delay_ms = 0) => ({
  next,
  delay_ms,
  run_ids: ids,
});

export const drainScenarios = (): DrainScenario[] => [
  {
    name: 'drain-burst',
    target: 'hook:burst',
    calls: [reply('again', ['run_1']), reply('asleep', ['run_2'])],
  },
  {
    name: 'drain-retries',
    target: 'hook:retries',
    calls: ['throw', reply('due', ['run_1'], 30), reply('asleep', ['run_1'])],
  },
  {
    name: 'drain-poked',
    target: 'hook:poked',
    calls: [reply('asleep', []), reply('asleep', ['run_1'])],
    poked: true,
  },
];
