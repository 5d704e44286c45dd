import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import { userOrigin } from '../kernel/testing/user-origin.ts';
import { createLog, idleReactor } from '../log/create-log.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import type { LogStore } from '../log/store.ts';
import { buildEvent } from './build-event.ts';
import { newRun, orderKey, SWEEP_AFTER_MS } from './new-run.ts';
import type { AttemptPolicy } from './outcome.ts';
import { createPolicies } from './policies.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE, type Run } from './run.ts';
import { runFrom } from './rows.ts';
import { createStarter } from './starter.ts';
import { createSweeper } from './sweeper.ts';
import type { Target } from './target.ts';
import type { WorkflowState } from './workflow-starter.ts';

const POLICY: AttemptPolicy = {
  timeoutMs: 5_000,
  maxAttempts: 3,
  schedule: { kind: 'fixed', initialMs: 1_000 },
  jitter: 0,
  local: true,
};
const START_MS = 1_000_000;

/** Starter and sweeper over rows that are written by hand; Temporal is a map of workflow ids to their states. */
const openHealing = async () => {
  let nowMs = START_MS;
  let reads = 0;
  let readsFail = false;
  let away = false;
  let described = 0;
  const clock = { now: () => nowMs };
  const store = createMemoryStore({ tables: [RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE] });
  const counting: LogStore = {
    ...store,
    readIndex: (read) => {
      reads += 1;
      return readsFail ? Promise.reject(new Error('the store is away')) : store.readIndex(read);
    },
  };
  const log = await createLog({ store: counting, reactor: idleReactor, clock, logger: silentLogger });
  const temporal = new Map<string, WorkflowState>();
  const starts: string[] = [];
  const timers = new Set<() => void>();
  const workflows = {
    start: async (run: Run) => {
      const id = run.workflow_id ?? '';
      if (away) throw new CrucibleError('temporal_unavailable', 'away');
      const started = !temporal.has(id);
      if (started) {
        starts.push(id);
        temporal.set(id, 'running');
      }
      return { temporalRunId: 't', started };
    },
    describe: async (id: string): Promise<WorkflowState> => {
      described += 1;
      return temporal.get(id) ?? 'missing';
    },
  };
  const policies = createPolicies(log.records, {
    hook: {
      policy: (definition) => {
        if (definition['broken'] === true) throw new TypeError('no time-out in it');
        return POLICY;
      },
      execute: () => Promise.reject(new Error('nothing is executed here')),
    },
  });
  const starter = createStarter({
    log,
    workflows,
    policies,
    buildEvent,
    clock,
    logger: silentLogger,
    after: (_, work) => {
      timers.add(work);
      return () => timers.delete(work);
    },
  });
  const sweeper = createSweeper({ log, workflows, starter, buildEvent, clock, logger: silentLogger });
  await log.append({
    events: [],
    mutations: ['d', 'broken'].map((id) => ({
      op: 'put' as const,
      table: DEFINITION_TABLE.name,
      row: { id, kind: 'hook', definition: { broken: id === 'broken' } },
    })),
  });

  /** A run as the reactor makes it, changed by hand. */
  const write = async (over: Partial<Run> & { readonly target: string }): Promise<Run> => {
    const { events } = await log.append({
      events: [buildEvent({ type: 'custom.tick', payload: {} }, ORIGIN)],
    });
    const [event] = events;
    if (event === undefined) throw new Error('nothing was committed');
    const target = { id: over.target, kind: 'hook', definition: 'd', enabled: true, paused: false } as Target;
    const run = { ...newRun(event, target, { matched: true }, { clock, newId }), ...over };
    await log.append({ events: [], mutations: [{ op: 'insert', table: RUN_TABLE.name, row: run }] });
    return run;
  };

  let written = 1_000;
  /** Many at once, whose events are of no interest, in the order of their positions. */
  const writeMany = async (count: number, target: string): Promise<readonly Run[]> => {
    const one = await write({ target, state: 'succeeded', start: null, sweep_at: null });
    const runs = Array.from({ length: count }, (): Run => {
      const position = (written += 1);
      return {
        ...one,
        id: newId('run'),
        state: 'pending',
        event_position: position,
        newest: -position,
        order: orderKey(position, target),
        start: orderKey(position, target),
        workflow_id: `${target}:${position}`,
      };
    });
    await log.append({
      events: [],
      mutations: runs.map((row) => ({ op: 'insert', table: RUN_TABLE.name, row })),
    });
    return runs;
  };

  return {
    log,
    writeMany,
    end: (...runs: readonly Run[]) =>
      log.append({
        events: [],
        mutations: runs.map(({ id }) => ({
          op: 'patch',
          table: RUN_TABLE.name,
          id,
          set: { state: 'succeeded', attempts: 1, sweep_at: null, start: null },
        })),
      }),
    starter,
    sweeper,
    starts,
    temporal,
    timers,
    write,
    follow: () => log.onCommit(starter.committed),
    advance: (byMs: number) => (nowMs += byMs),
    fireTimers: () => {
      const due = [...timers];
      timers.clear();
      for (const work of due) work();
    },
    setAway: (value: boolean) => (away = value),
    failReads: (value: boolean) => (readsFail = value),
    get reads() {
      return reads;
    },
    get described() {
      return described;
    },
    runOf: async (id: string): Promise<Run> => {
      const row = await log.records.get(RUN_TABLE.name, id);
      if (row === undefined) throw new Error('there is no run');
      return runFrom(row);
    },
  };
};

const ORIGIN = userOrigin('alice');

let healing: Awaited<ReturnType<typeof openHealing>>;
beforeEach(async () => {
  healing = await openHealing();
});
afterEach(async () => {
  await healing.starter.stop();
  await healing.log.close();
});

const started = (...ids: readonly (string | null)[]): Promise<void> =>
  expect.poll(() => healing.starts).toEqual(ids);
const until = async (holds: () => boolean): Promise<void> => {
  for (let turn = 0; !holds(); turn += 1) {
    if (turn > 1_000) throw new Error('it did not come to that');
    await new Promise(setImmediate);
  }
};
/** Long enough for whatever would go wrong at once to have gone wrong. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
};

describe('the sweeper', () => {
  it('starts a run that nothing else will start', async () => {
    const run = await healing.write({ target: 'hook:a' });
    healing.advance(SWEEP_AFTER_MS + 1);
    await healing.sweeper.tick();
    await started(run.workflow_id);
  });

  it('starts a run again that this process has started and Temporal has lost', async () => {
    healing.follow();
    const run = await healing.write({ target: 'hook:a' });
    await started(run.workflow_id);
    healing.fireTimers();
    await expect.poll(async () => (await healing.runOf(run.id)).state).toBe('running');
    healing.temporal.clear();
    healing.advance(2 * SWEEP_AFTER_MS);
    await healing.sweeper.tick();
    await started(run.workflow_id, run.workflow_id);
    expect(healing.starter.open).toBe(1);
  });

  it('takes over a run that waits for a retry, which takes no place of those that begin', async () => {
    healing.follow();
    const run = await healing.write({
      target: 'hook:a',
      state: 'retrying',
      attempts: 1,
      due_at: START_MS + 1_000,
      sweep_at: START_MS + 1_000 + SWEEP_AFTER_MS,
    });
    healing.advance(60_000);
    await healing.sweeper.tick();
    await started(run.workflow_id);
    expect([healing.starter.open, healing.starter.waiting]).toEqual([0, 0]);
    // Found again, it is left alone: its workflow runs.
    healing.advance(60_000);
    await healing.sweeper.tick();
    expect(await healing.runOf(run.id)).toMatchObject({ state: 'retrying', attempts: 1 });
    expect(healing.starts).toHaveLength(1);
  });

  it('reaches a run behind more waiting ones than a tick looks at, without asking Temporal about those', async () => {
    healing.follow();
    // Eight are started and hang; the others wait for them, some in memory, some in the store.
    await healing.writeMany(2_300, 'hook:hangs');
    await expect.poll(() => healing.starts.length).toBe(8);
    const last = await healing.write({ target: 'hook:b' });
    await expect.poll(() => healing.starts.length).toBe(9);
    healing.fireTimers();
    await expect.poll(async () => (await healing.runOf(last.id)).state).toBe('running');
    healing.temporal.set(last.workflow_id ?? '', 'closed');
    healing.advance(2 * SWEEP_AFTER_MS);
    for (let ticks = 0; ticks < 13; ticks += 1) await healing.sweeper.tick();
    expect(await healing.runOf(last.id)).toMatchObject({ state: 'failed', reason: 'terminated' });
    expect(healing.described).toBeLessThan(20);
  });

  it('does nothing while nothing can be started', async () => {
    healing.follow();
    healing.setAway(true);
    await healing.write({ target: 'hook:a' });
    await expect.poll(() => healing.starter.blocked).toBe('away');
    healing.advance(60_000);
    expect(await healing.sweeper.tick()).toBe(0);
  });
});

describe('the starter', () => {
  it('fails a run that can never be started, with the reason, and starts the others', async () => {
    healing.follow();
    const gone = await healing.write({ target: 'hook:a', definition: 'gone' });
    const broken = await healing.write({ target: 'hook:b', definition: 'broken' });
    const good = await healing.write({ target: 'hook:a' });
    await started(good.workflow_id);
    await expect
      .poll(async () => await healing.runOf(gone.id))
      .toMatchObject({
        state: 'failed',
        reason: 'not_startable',
        error: 'there is no stored definition gone',
      });
    await expect
      .poll(async () => await healing.runOf(broken.id))
      .toMatchObject({ state: 'failed', error: expect.stringContaining('no time-out in it') });
    expect(healing.starter.blocked).toBeUndefined();
    const { data } = await healing.log.query({ types: ['hook.failed'] });
    expect(new Set(data.map(({ payload }) => payload['run_id']))).toEqual(new Set([gone.id, broken.id]));
    expect(data).toHaveLength(2);
  });

  it('starts the runs of one target while another has more waiting than memory holds, and those in order', async () => {
    healing.follow();
    const many = await healing.writeMany(2_300, 'hook:hangs');
    await expect.poll(() => healing.starts.length).toBe(8);
    const other = await healing.write({ target: 'hook:b' });
    await expect.poll(() => healing.starts.at(-1)).toBe(other.workflow_id);
    const late = await healing.writeMany(3, 'hook:hangs');
    const all = [...many, ...late];
    for (let done = 0; done < all.length;) {
      await until(() => healing.starter.open === Math.min(8, all.length - done) + 1);
      const open = all.slice(done, done + 8);
      await healing.end(...open);
      done += open.length;
    }
    expect(healing.starts.filter((id) => id !== other.workflow_id)).toEqual(
      all.map((run) => run.workflow_id),
    );
  });

  it('does not read without end what cannot be read, and reads it again later', async () => {
    const run = await healing.write({ target: 'hook:a' });
    healing.failReads(true);
    healing.starter.catchUp();
    await turns();
    expect(healing.reads).toBe(1);
    healing.failReads(false);
    healing.fireTimers();
    await started(run.workflow_id);
  });

  it('leaves no timer and reads nothing once it has stopped', async () => {
    healing.follow();
    await healing.write({ target: 'hook:a' });
    healing.failReads(true);
    healing.starter.catchUp();
    await healing.starter.stop();
    const before = healing.reads;
    await turns();
    expect(healing.reads).toBe(before);
    expect(healing.timers.size).toBe(0);
  });
});
