import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectTemporal } from '../../src/temporal/connection.ts';
import type { TemporalConnection } from '../../src/temporal/connection.ts';
import { createLocalBudget } from '../../src/temporal/local-budget.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { createWorkflowStarter } from '../../src/temporal/starter.ts';
import { DEFAULT_SLOTS, createWorker, localActivitySlots } from '../../src/temporal/worker.ts';
import type { RunningWorker } from '../../src/temporal/worker.ts';
import type { WorkflowStarter } from '../../src/dispatch/workflow-starter.ts';
import { again, attemptStage, done, pendingRun, policy } from '../support/temporal-runs.ts';
import type { AttemptStage } from '../support/temporal-runs.ts';
import { temporalServer } from '../support/temporal-server.ts';
import type { TestTemporal } from '../support/temporal-server.ts';

const taskQueue = 'runs-test';
const clock = { now: () => Date.now() };
const localBudget = createLocalBudget(localActivitySlots(DEFAULT_SLOTS), () => performance.now());
let temporal: TestTemporal;
let connection: TemporalConnection;
let client: Client;
let worker: RunningWorker;
let starter: WorkflowStarter;
let stage: AttemptStage;

const startWorker = async (): Promise<RunningWorker> =>
  createWorker({
    connection,
    activities: stage.activities,
    bundle: await workflowBundle({ cacheDir: temporal.dir, logger: silentLogger }),
    taskQueue,
    localBudget,
    logger: silentLogger,
  });

beforeAll(async () => {
  temporal = await temporalServer();
  connection = await connectTemporal({ ...temporal, logger: silentLogger });
  ({ client } = connection);
  await ensureSearchAttributes(connection);
  stage = attemptStage();
  worker = await startWorker();
  starter = createWorkflowStarter(connection, { clock, taskQueue, localBudget });
});

afterAll(async () => {
  await worker.shutdown();
  await connection.close();
  await temporal[Symbol.asyncDispose]();
});

const resultOf = (workflowId: string | null): Promise<unknown> =>
  client.workflow.getHandle(workflowId ?? '').result();

/** The types of a workflow's history events, and the parts that tests look at. */
const historyOf = async (workflowId: string | null) => {
  const { events } = await client.workflow.getHandle(workflowId ?? '').fetchHistory();
  return events ?? [];
};

describe('starting', () => {
  test('a run is started eagerly: its first task never goes through the queue', async () => {
    const run = pendingRun();
    stage.on(run.id, () => done());
    expect(await starter.start(run, policy())).toMatchObject({ started: true });
    expect(await resultOf(run.workflow_id)).toEqual({ state: 'succeeded', reason: null, attempts: 1 });
    const [started] = await historyOf(run.workflow_id);
    expect(started?.workflowExecutionStartedEventAttributes?.eagerExecutionAccepted).toBe(true);
  });

  test('a second start of the same run counts as success, while it runs and when it has ended', async () => {
    const run = pendingRun();
    const gate = Promise.withResolvers<void>();
    stage.on(run.id, async () => {
      await gate.promise;
      return done();
    });
    const first = await starter.start(run, policy());
    expect(await starter.start(run, policy())).toEqual({
      temporalRunId: first.temporalRunId,
      started: false,
    });
    expect(await starter.describe(run.workflow_id ?? '')).toBe('running');
    gate.resolve();
    await resultOf(run.workflow_id);
    expect(await starter.start(run, policy())).toEqual({
      temporalRunId: first.temporalRunId,
      started: false,
    });
    expect(await starter.describe(run.workflow_id ?? '')).toBe('closed');
    expect(stage.asked.filter(({ run_id }) => run_id === run.id)).toHaveLength(1);
  });

  test('the next generation is a workflow of its own', async () => {
    const run = pendingRun();
    stage.on(run.id, ({ generation }) => done('succeeded', `generation ${generation}`));
    await starter.start(run, policy());
    const replayed = { ...run, generation: 1, workflow_id: `${run.workflow_id}:g1` };
    expect(await starter.start(replayed, policy())).toMatchObject({ started: true });
    expect(await resultOf(replayed.workflow_id)).toMatchObject({ reason: 'generation 1' });
  });

  test('what was never started is missing', async () => {
    expect(await starter.describe('hook:nothing:evt_0')).toBe('missing');
  });

  test('a run can be found by what it is about, and says what it is', async () => {
    const run = pendingRun({ target: 'hook:findable', event_position: 4_711 });
    stage.on(run.id, () => done());
    await starter.start(run, policy());
    await resultOf(run.workflow_id);
    const query = [
      `CrucibleKind = 'hook'`,
      `CrucibleTarget = 'hook:findable'`,
      `CrucibleEventType = 'memory.tagged'`,
      `CrucibleRunIds = '${run.id}'`,
      `CrucibleCorrelationIds = '${run.correlation_id}'`,
      `CrucibleFirstPosition = 4711`,
      `CrucibleLastPosition >= 4711`,
    ].join(' AND ');
    // Visibility is written a moment after the workflow.
    await expect.poll(async () => (await client.workflow.count(query)).count, { timeout: 20_000 }).toBe(1);
    const described = await client.workflow.getHandle(run.workflow_id ?? '').describe();
    expect(await described.staticSummary()).toBe(`findable <- memory.tagged ${run.event_id}`);
    expect(await described.staticDetails()).toContain(run.correlation_id);
  });

  test('a webhook run is a delivery', async () => {
    const run = pendingRun({
      kind: 'webhook',
      target: 'webhook:whk_1',
      workflow_id: `webhook:whk_1:${newId('evt')}`,
    });
    stage.on(run.id, () => done());
    await starter.start(run, policy({ local: false }));
    await resultOf(run.workflow_id);
    expect((await client.workflow.getHandle(run.workflow_id ?? '').describe()).type).toBe('delivery');
  });
});

describe('attempts', () => {
  test('the first one is local, later ones are regular activities after durable timers', async () => {
    const run = pendingRun();
    stage.on(run.id, ({ attempt }) =>
      attempt < 3 ? again(attempt + 1, attempt * 10) : done('failed', 'http_400'),
    );
    await starter.start(run, policy());
    expect(await resultOf(run.workflow_id)).toEqual({ state: 'failed', reason: 'http_400', attempts: 3 });
    expect(stage.asked.filter(({ run_id }) => run_id === run.id)).toEqual(
      [1, 2, 3].map((attempt) => ({ run_id: run.id, generation: 0, attempt })),
    );
    const events = await historyOf(run.workflow_id);
    expect(events.filter((event) => event.markerRecordedEventAttributes)).toHaveLength(1);
    expect(events.filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(2);
    const timers = events.flatMap(
      (event) => event.timerStartedEventAttributes?.startToFireTimeout?.nanos ?? [],
    );
    expect(timers).toEqual([10_000_000, 20_000_000]);
  });

  test('a run that was taken over goes on where the ledger stands, when it is due', async () => {
    const run = pendingRun({ attempts: 2, due_at: Date.now() + 50, state: 'retrying' });
    stage.on(run.id, ({ attempt }) => done('succeeded', `attempt ${attempt}`));
    await starter.start(run, policy());
    expect(await resultOf(run.workflow_id)).toEqual({ state: 'succeeded', reason: 'attempt 3', attempts: 3 });
    const events = await historyOf(run.workflow_id);
    expect(events.some((event) => event.timerStartedEventAttributes)).toBe(true);
    expect(events.some((event) => event.markerRecordedEventAttributes)).toBe(false);
  });

  test.each([true, false])(
    'an attempt that could not be recorded is made again under its number (local: %s)',
    async (local) => {
      const run = pendingRun();
      let calls = 0;
      stage.on(run.id, () => {
        calls += 1;
        if (calls < 3) throw new Error('the ledger is away');
        return done();
      });
      await starter.start(run, policy({ local }));
      expect(await resultOf(run.workflow_id)).toMatchObject({ state: 'succeeded', attempts: 1 });
      expect(stage.asked.filter(({ run_id }) => run_id === run.id).map(({ attempt }) => attempt)).toEqual([
        1, 1, 1,
      ]);
    },
  );

  test('slow local attempts do not keep others from starting', async () => {
    const gate = Promise.withResolvers<void>();
    const allWait = Promise.withResolvers<void>();
    let waiting = 0;
    const slow = Array.from({ length: DEFAULT_SLOTS.workflowTasks + 10 }, () => pendingRun());
    for (const run of slow) {
      stage.on(run.id, async () => {
        waiting += 1;
        if (waiting === slow.length) allWait.resolve();
        await gate.promise;
        return done();
      });
    }
    await Promise.all(slow.map((run) => starter.start(run, policy())));
    await allWait.promise;
    expect(localBudget.taken).toBe(localActivitySlots(DEFAULT_SLOTS));
    const quick = pendingRun();
    stage.on(quick.id, () => done());
    await starter.start(quick, policy({ local: false }));
    expect(await resultOf(quick.workflow_id)).toMatchObject({ state: 'succeeded' });
    const [started] = await historyOf(quick.workflow_id);
    expect(started?.workflowExecutionStartedEventAttributes?.eagerExecutionAccepted).toBe(true);
    gate.resolve();
    await Promise.all(slow.map((run) => resultOf(run.workflow_id)));
    expect(localBudget.taken).toBe(0);
  });
});

describe('cancelling', () => {
  test('between attempts, at once', async () => {
    const run = pendingRun();
    const attempted = Promise.withResolvers<void>();
    stage.on(run.id, () => {
      attempted.resolve();
      return again(2, 3_600_000);
    });
    await starter.start(run, policy());
    await attempted.promise;
    await client.workflow.getHandle(run.workflow_id ?? '').cancel();
    await expect(resultOf(run.workflow_id)).rejects.toBeInstanceOf(WorkflowFailedError);
    expect((await client.workflow.getHandle(run.workflow_id ?? '').describe()).status.name).toBe('CANCELLED');
  });
});

describe('a worker that is killed in the middle of an attempt', () => {
  test.each(['local', 'regular'])(
    'leaves it to another one, under the same number (%s)',
    async (kind) => {
      const runId = newId('run');
      const workflowId = `hook:killed:${runId}`;
      const script = fileURLToPath(new URL('../support/temporal-worker-child.ts', import.meta.url));
      const queue = `killed-${kind}`;
      const victim = fork(script, [temporal.address, temporal.namespace, temporal.dir, queue, runId, kind]);
      const [begun] = (await once(victim, 'message')) as [{ attempt: number }];
      expect(begun).toEqual({ attempt: 1 });
      victim.kill('SIGKILL');
      await once(victim, 'exit');

      stage.on(runId, ({ attempt }) => done('succeeded', `attempt ${attempt}`));
      const heir = await createWorker({
        connection,
        activities: stage.activities,
        bundle: await workflowBundle({ cacheDir: temporal.dir, logger: silentLogger }),
        taskQueue: queue,
        logger: silentLogger,
      });
      try {
        expect(await resultOf(workflowId)).toEqual({ state: 'succeeded', reason: 'attempt 1', attempts: 1 });
      } finally {
        await heir.shutdown();
      }
    },
    90_000,
  );
});
