import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ATTEMPT_TABLE, RUN_TABLE, type Attempt, type AttemptRecord, type Run } from '../dispatch/run.ts';
import { isFinal } from '../dispatch/states.ts';
import type { Starter } from '../dispatch/starter.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import type { AppendRequest, AppendResult, Committed, Log } from '../log/log.ts';
import type { Temporal } from '../temporal/temporal.ts';

export interface Metrics {
  readonly registry: Registry;
  /** The same log; appends by way of it are counted and timed. */
  readonly observed: <L extends Log>(log: L) => L;
  /** A gauge that is read when somebody asks for the metrics. */
  readonly watch: (name: string, help: string, read: () => number) => void;
}

const FAMILIES: ReadonlySet<string> = new Set([
  'memory',
  'graph',
  'agent',
  'flow',
  'hook',
  'webhook',
  'file',
  'system',
  'custom',
]);

const familyOf = (type: string): string => {
  const [family = ''] = type.split('.', 1);
  return FAMILIES.has(family) ? family : 'other';
};

/** From 1 ms to 10 s: a synced commit takes a few ms, a log in trouble seconds. */
const APPEND_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10];
const COMMIT_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];
const ATTEMPT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
/** Runs may wait for days. */
const RUN_BUCKETS_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3_600, 21_600, 86_400, 259_200];

const logMetrics = (registers: Registry[]) => ({
  events: new Counter({
    name: 'crucible_log_events_total',
    help: 'Committed events, by the family of their type.',
    labelNames: ['family'],
    registers,
  }),
  commits: new Histogram({
    name: 'crucible_log_commit_events',
    help: 'How many events a commit holds; the count is that of commits.',
    buckets: COMMIT_BUCKETS,
    registers,
  }),
  duration: new Histogram({
    name: 'crucible_log_append_duration_seconds',
    help: 'From an append to its synced commit, the wait in the queue included.',
    buckets: APPEND_BUCKETS_S,
    registers,
  }),
  failures: new Counter({
    name: 'crucible_log_append_failures_total',
    help: 'Appends that were refused or lost, by the code of their error.',
    labelNames: ['code'],
    registers,
  }),
  open: new Gauge({
    name: 'crucible_log_appends_in_flight',
    help: 'Appends that wait for their commit: the depth of the queue.',
    registers,
  }),
});

const runMetrics = (registers: Registry[]) => ({
  created: new Counter({
    name: 'crucible_runs_created_total',
    help: 'Runs that events caused. way: direct, or in the line of a drain. Webhooks are deliveries.',
    labelNames: ['kind', 'way'],
    registers,
  }),
  ended: new Counter({
    name: 'crucible_runs_ended_total',
    help: 'Runs that came to an end, by the state in which they ended.',
    labelNames: ['kind', 'state'],
    registers,
  }),
  duration: new Histogram({
    name: 'crucible_run_duration_seconds',
    help: 'From the event to the end of the run, waits and retries included.',
    labelNames: ['kind'],
    buckets: RUN_BUCKETS_S,
    registers,
  }),
  attempts: new Counter({
    name: 'crucible_attempts_total',
    help: 'Attempts of runs, by outcome.',
    labelNames: ['kind', 'outcome'],
    registers,
  }),
  attemptDuration: new Histogram({
    name: 'crucible_attempt_duration_seconds',
    help: 'How long an attempt took.',
    labelNames: ['kind'],
    buckets: ATTEMPT_BUCKETS_S,
    registers,
  }),
});

/** Counts what a commit says of runs. A commit holds each row once, as it is after it. */
const countRuns = (metrics: ReturnType<typeof runMetrics>): ((committed: Committed) => void) => {
  const attempt = (kind: string, { outcome, duration_ms: durationMs }: AttemptRecord): void => {
    metrics.attempts.inc({ kind, outcome });
    metrics.attemptDuration.observe({ kind }, durationMs / 1000);
  };
  return ({ reactions, changed }) => {
    for (const { table, row } of reactions) {
      if (table !== RUN_TABLE.name) continue;
      const { kind, claim } = row as unknown as Run;
      metrics.created.inc({ kind, way: typeof claim === 'string' ? 'drain' : 'direct' });
    }
    // An attempt is written with its run, which alone knows the kind.
    const kinds = new Map<string, string>();
    for (const { table, row } of changed) {
      if (table !== RUN_TABLE.name) continue;
      const run = row as unknown as Run;
      kinds.set(run.id, run.kind);
      if (!isFinal(run.state)) continue;
      metrics.ended.inc({ kind: run.kind, state: run.state });
      if (run.finished_at !== null)
        metrics.duration.observe({ kind: run.kind }, (run.finished_at - run.created_at) / 1000);
      if (run.last_attempt !== null && run.last_attempt !== undefined) attempt(run.kind, run.last_attempt);
    }
    for (const { table, row } of changed) {
      if (table !== ATTEMPT_TABLE.name) continue;
      const record = row as unknown as Attempt;
      attempt(kinds.get(record.run_id) ?? 'unknown', record);
    }
  };
};

/** The metrics of one server: of its process, its log and its runs. Labels have few values, whatever clients send. */
export const createMetrics = (version: string): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'crucible_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  const ofLog = logMetrics([registry]);
  const countCommitted = countRuns(runMetrics([registry]));

  const watch: Metrics['watch'] = (name, help, read) => {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => gauge.set(read()),
    });
  };
  return {
    registry,
    watch,
    observed(log) {
      watch('crucible_log_head', 'The position of the last event.', () => log.head());
      watch('crucible_log_first_available', 'The first position that retention has kept.', () =>
        log.firstAvailable(),
      );
      log.onCommit((committed) => {
        ofLog.commits.observe(committed.events.length);
        for (const { type } of committed.events) ofLog.events.inc({ family: familyOf(type) });
        countCommitted(committed);
      });
      const append = async (request: AppendRequest): Promise<AppendResult> => {
        ofLog.open.inc();
        const done = ofLog.duration.startTimer();
        try {
          const result = await log.append(request);
          done();
          return result;
        } catch (error) {
          ofLog.failures.inc({ code: isCrucibleError(error) ? error.code : 'unknown' });
          throw error;
        } finally {
          ofLog.open.dec();
        }
      };
      return { ...log, append };
    },
  };
};

/** The gauge of who writes: this process, or the one that it follows. */
export const watchLeading = ({ watch }: Pick<Metrics, 'watch'>, leads: boolean): void =>
  watch('crucible_leading', '1 for the server that writes, 0 for one that follows it.', () =>
    leads ? 1 : 0,
  );

/** Gauges of Temporal and of the worker on it. */
export const watchTemporal = (
  { watch }: Pick<Metrics, 'watch'>,
  temporal: Pick<Temporal, 'state' | 'inFlight'>,
): void => {
  watch('crucible_temporal_working', '1 while connected to Temporal with a worker that polls, else 0.', () =>
    temporal.state() === 'working' ? 1 : 0,
  );
  watch(
    'crucible_temporal_workflow_tasks_in_flight',
    'Workflow tasks that the worker is at.',
    () => temporal.inFlight().workflowTasks,
  );
  watch(
    'crucible_temporal_activities_in_flight',
    'Activities that the worker is at.',
    () => temporal.inFlight().activities,
  );
};

/** Gauges of what waits for Temporal, and of Temporal itself. */
export const watchWorkflows = (
  metrics: Pick<Metrics, 'watch'>,
  {
    temporal,
    starter,
  }: {
    readonly temporal: Pick<Temporal, 'state' | 'inFlight'>;
    readonly starter: Pick<Starter, 'waiting' | 'open'>;
  },
): void => {
  watchTemporal(metrics, temporal);
  metrics.watch(
    'crucible_runs_waiting',
    'Runs that wait for the start of their workflow.',
    () => starter.waiting,
  );
  metrics.watch(
    'crucible_runs_open',
    'Runs whose workflow was started directly and has not ended.',
    () => starter.open,
  );
};
