import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { compileFilters } from '../events/filters/index.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { JsonValue } from '../kernel/json.ts';
import { silentLogger } from '../kernel/logger.ts';
import { userOrigin } from '../kernel/testing/user-origin.ts';
import { createLog } from '../log/create-log.ts';

import { createMemoryStore } from '../log/memory-store.ts';
import type { LogStore } from '../log/store.ts';
import { buildEvent } from './build-event.ts';
import type { AttemptAsk } from './attempts.ts';
import { createLiveRuns } from './live-runs.ts';
import type { ActionOutcome, AttemptContext, AttemptPolicy } from './outcome.ts';
import { createPolicies } from './policies.ts';
import { createTargetReactor } from './reactor.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE, type Run } from './run.ts';
import { runFrom } from './rows.ts';
import { createRunService } from './runs.ts';
import { createStarter } from './starter.ts';
import { createSweeper } from './sweeper.ts';
import { openAttempts } from './testing/open-attempts.ts';
import type { WorkflowStarter, WorkflowState } from './workflow-starter.ts';

const ORIGIN = userOrigin('alice');

const POLICY: AttemptPolicy = {
  timeoutMs: 5_000,
  maxAttempts: 2,
  schedule: { kind: 'fixed', initialMs: 1_000 },
  jitter: 0,
  local: true,
};

const SUCCESS: ActionOutcome = { kind: 'succeeded', output: { tags: ['a'] }, detail: {} };
const FAILURE: ActionOutcome = { kind: 'retryable', code: 'http_503', message: 'away', detail: {} };

/** A whole dispatch over the memory log; Temporal is played by a list of starts. */
const openDispatch = async (wrap: (store: LogStore) => LogStore = (store) => store) => {
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs };
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({
    store: wrap(createMemoryStore({ tables: [RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE] })),
    reactor,
    clock,
    logger: silentLogger,
  });
  let outcomes: ActionOutcome[] = [];
  const executed: AttemptContext[] = [];
  const policies = createPolicies(log.records, {
    hook: {
      policy: () => POLICY,
      execute: (context) => {
        executed.push(context);
        return Promise.resolve(outcomes.shift() ?? SUCCESS);
      },
    },
  });
  const live = createLiveRuns();
  log.onCommit(live.committed);
  const attempts = openAttempts({ log, live, policies, clock });
  const starts: string[] = [];
  const states = new Map<string, WorkflowState>();
  let away = false;
  const workflows: WorkflowStarter = {
    start: (run) => {
      if (away) return Promise.reject(new CrucibleError('temporal_unavailable', 'away'));
      const id = run.workflow_id ?? '';
      const started = !states.has(id);
      if (started) starts.push(id);
      states.set(id, states.get(id) ?? 'running');
      return Promise.resolve({ temporalRunId: 'tr_1', started });
    },
    describe: (id) => Promise.resolve(states.get(id) ?? 'missing'),
  };
  const timers: (() => void)[] = [];
  const starter = createStarter({
    log,
    workflows,
    policies,
    buildEvent,
    clock,
    logger: silentLogger,
    after: (_, work) => {
      timers.push(work);
      return () => {
        const index = timers.indexOf(work);
        if (index >= 0) timers.splice(index, 1);
      };
    },
  });
  log.onCommit(starter.committed);
  const sweeper = createSweeper({
    log,
    workflows,
    starter,
    buildEvent,
    clock,
    logger: silentLogger,
  });
  await log.append({
    events: [],
    mutations: [
      { op: 'put', table: DEFINITION_TABLE.name, row: { id: 'd1', kind: 'hook', definition: { name: 'h' } } },
    ],
    changes: [
      {
        kind: 'target_set',
        target: {
          id: 'hook:h',
          kind: 'hook',
          worlds: ['default'],
          filters: compileFilters([{ event_type: 'custom.*' }]),
          enabled: true,
          paused: false,
          definition: 'd1',
        },
      } as never,
    ],
  });

  return {
    log,
    buildEvent,
    starts,
    states,
    executed,
    starter,
    sweeper,
    attempts,
    runs: createRunService({ log, policies, buildEvent, clock }),
    setOutcomes: (...next: ActionOutcome[]) => (outcomes = next),
    setAway: (value: boolean) => (away = value),
    advance: (byMs: number) => (nowMs += byMs),
    fireTimers: () => {
      for (const work of timers.splice(0)) work();
    },
    publish: async (): Promise<CrucibleEvent> => {
      const { events } = await log.append({
        events: [buildEvent({ type: 'custom.tick', payload: { n: 1 } }, ORIGIN)],
      });
      const [event] = events;
      if (event === undefined) throw new Error('nothing was committed');
      return event;
    },
    runOf: async (event: CrucibleEvent): Promise<Run> => {
      const [run] = await log.records.byIndex({
        table: 'run',
        index: 'run_target',
        equals: ['hook:h'],
        after: -event.position - 1,
        limit: 1,
      });
      if (run === undefined) throw new Error('there is no run');
      return runFrom(run);
    },
    ask: (run: Run, attempt: number): AttemptAsk => ({
      run_id: run.id,
      generation: run.generation,
      attempt,
      temporalRunId: 'tr_1',
      signal: new AbortController().signal,
    }),
    eventsOf: async (type: string): Promise<readonly CrucibleEvent[]> =>
      (await log.query({ types: [type], order: 'asc' })).data,
  };
};

let dispatch: Awaited<ReturnType<typeof openDispatch>>;
beforeEach(async () => {
  dispatch = await openDispatch();
});
afterEach(async () => {
  await dispatch.starter.stop();
  await dispatch.log.close();
});

const started = (count: number): Promise<void> => expect.poll(() => dispatch.starts.length).toBe(count);

describe('starting', () => {
  it('starts the run of a committed event once, under its own id', async () => {
    const event = await dispatch.publish();
    await started(1);
    expect(dispatch.starts).toEqual([`hook:h:${event.id}`]);
    dispatch.starter.catchUp();
    await dispatch.starter.stop();
    expect(dispatch.starts).toHaveLength(1);
  });

  it('marks a run that takes its time as running, and not one that has ended', async () => {
    const slow = await dispatch.publish();
    await started(1);
    dispatch.fireTimers();
    await expect.poll(async () => (await dispatch.runOf(slow)).state).toBe('running');

    const fast = await dispatch.publish();
    await started(2);
    await dispatch.attempts(dispatch.ask(await dispatch.runOf(fast), 1));
    dispatch.fireTimers();
    expect(await dispatch.runOf(fast)).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it('lets runs wait while Temporal is away, and starts them in order when it is back', async () => {
    dispatch.setAway(true);
    const events = [await dispatch.publish(), await dispatch.publish(), await dispatch.publish()];
    await expect.poll(() => dispatch.starter.blocked).toBe('away');
    expect(dispatch.starts).toEqual([]);
    dispatch.setAway(false);
    dispatch.fireTimers();
    await started(3);
    expect(dispatch.starts).toEqual(events.map(({ id }) => `hook:h:${id}`));
  });

  it('holds back what is more than a target may have open, until an attempt is recorded', async () => {
    const events: CrucibleEvent[] = [];
    for (let n = 0; n < 10; n += 1) events.push(await dispatch.publish());
    await started(8);
    const [first] = events;
    if (first === undefined) throw new Error('no event');
    await dispatch.attempts(dispatch.ask(await dispatch.runOf(first), 1));
    await started(9);
  });

  it('finds pending runs of an earlier process by catching up', async () => {
    dispatch.setAway(true);
    const event = await dispatch.publish();
    await dispatch.starter.stop();
    dispatch.setAway(false);
    const after = createStarter({
      log: dispatch.log,
      workflows: {
        start: (run) => (
          dispatch.starts.push(run.workflow_id ?? ''),
          Promise.resolve({ temporalRunId: 't', started: true })
        ),
        describe: () => Promise.resolve('missing'),
      },
      policies: createPolicies(dispatch.log.records, {
        hook: { policy: () => POLICY, execute: () => Promise.resolve(SUCCESS) },
      }),
      buildEvent: dispatch.buildEvent,
      clock: { now: () => 0 },
      logger: silentLogger,
      after: () => () => undefined,
    });
    after.catchUp();
    await started(1);
    expect(dispatch.starts).toEqual([`hook:h:${event.id}`]);
    await after.stop();
  });
});

describe('attempts', () => {
  it('keeps those of all generations, in order, wherever they stand', async () => {
    const event = await dispatch.publish();
    let run = await dispatch.runOf(event);
    const large: ActionOutcome = { kind: 'succeeded', detail: { output: 'x'.repeat(5_000) } };
    for (const outcomes of [[SUCCESS], [FAILURE, SUCCESS], [large], [SUCCESS]]) {
      dispatch.setOutcomes(...outcomes);
      for (const [i] of outcomes.entries()) await dispatch.attempts(dispatch.ask(run, i + 1));
      if (run.generation < 3) run = await dispatch.runs.replay(run.id);
    }
    const { attempts, run: ended } = await dispatch.runs.get(run.id);
    expect(attempts.map(({ generation, number, outcome }) => [generation, number, outcome])).toEqual([
      [0, 1, 'succeeded'],
      [1, 1, 'failed'],
      [1, 2, 'succeeded'],
      [2, 1, 'succeeded'],
      [3, 1, 'succeeded'],
    ]);
    expect(attempts[3]?.detail['output']).toHaveLength(5_000);
    // A list of runs reads whole rows: the large one stands apart.
    expect(JSON.stringify(ended).length).toBeLessThan(3_000);
    expect(new Set(attempts.map(({ id }) => id)).size).toBe(5);
  });

  it('records the outcome, one terminal event, and continues the story', async () => {
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    expect(await dispatch.attempts(dispatch.ask(run, 1))).toEqual({
      next: 'done',
      state: 'succeeded',
      reason: null,
    });
    expect(await dispatch.runOf(event)).toMatchObject({
      state: 'succeeded',
      attempts: 1,
      sweep_at: null,
      temporal_run_id: 'tr_1',
    });
    const [executed, ...others] = await dispatch.eventsOf('hook.executed');
    expect(others).toEqual([]);
    expect(executed).toMatchObject({
      causation_id: event.id,
      correlation_id: 'cor_1',
      depth: 1,
      actor: 'hook:h',
      payload: { hook: 'h', run_id: run.id, event_id: event.id, state: 'succeeded', output: { tags: ['a'] } },
    });
  });

  it('waits for the acknowledgement of a run that can be read already', async () => {
    const acknowledged = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    let slow = false;
    const early = await openDispatch((store) => ({
      ...store,
      commit: async (batch) => {
        await store.commit(batch);
        if (!slow) return;
        slow = false;
        written.resolve();
        await acknowledged.promise;
      },
    }));
    slow = true;
    const publishing = early.publish();
    await written.promise;
    const [row] = await early.log.records.list('run', { limit: 1 });
    if (row === undefined) throw new Error('the run cannot be read yet');
    const attempt = early.attempts(early.ask(runFrom(row), 1));
    // Whatever the attempt does without waiting has been done when the next read is.
    await early.log.records.list('run', { limit: 1 });
    expect(early.executed).toEqual([]);
    acknowledged.resolve();
    const event = await publishing;
    expect(await attempt).toMatchObject({ state: 'succeeded' });
    expect(early.executed.map((context) => context.event.id)).toEqual([event.id]);
    await early.starter.stop();
    await early.log.close();
  });

  it('never executes a recorded attempt again', async () => {
    const run = await dispatch.runOf(await dispatch.publish());
    await dispatch.attempts(dispatch.ask(run, 1));
    await dispatch.attempts(dispatch.ask(run, 1));
    expect(dispatch.executed).toHaveLength(1);
  });

  it('of two executions of one attempt records one, and answers both alike', async () => {
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    const answers = await Promise.all([
      dispatch.attempts(dispatch.ask(run, 1)),
      dispatch.attempts(dispatch.ask(run, 1)),
    ]);
    expect(answers[0]).toEqual(answers[1]);
    expect(await dispatch.eventsOf('hook.executed')).toHaveLength(1);
  });

  it('does not charge faults of ours, says so in the ledger, and forgets them at a replay', async () => {
    const ours: ActionOutcome = { ...FAILURE, code: 'dns_failed', ours: true };
    dispatch.setOutcomes(ours, FAILURE, ours, FAILURE, FAILURE);
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    for (const attempt of [1, 2, 3]) {
      expect(await dispatch.attempts(dispatch.ask(run, attempt))).toMatchObject({ next: 'attempt' });
    }
    expect(await dispatch.attempts(dispatch.ask(run, 4))).toMatchObject({ next: 'done', state: 'dead' });
    const { attempts } = await dispatch.runs.get(run.id);
    expect(attempts.map(({ detail }) => detail['ours'] === true)).toEqual([true, false, true, false]);

    const again = await dispatch.runs.replay(run.id);
    expect(await dispatch.attempts(dispatch.ask(again, 1))).toMatchObject({
      next: 'attempt',
      delay_ms: 1_000,
    });
    expect(await dispatch.runOf(event)).toMatchObject({ attempts: 1, uncharged: 0 });
  });

  it('tells in words why an attempt was skipped, on the run and on the attempt', async () => {
    const because = 'http://10.0.0.1: 10.0.0.1 is a private address';
    dispatch.setOutcomes({ kind: 'skipped', reason: 'egress_denied', because, detail: {} });
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    await dispatch.attempts(dispatch.ask(run, 1));
    const { run: ended, attempts } = await dispatch.runs.get(run.id);
    expect(ended).toMatchObject({ state: 'skipped', reason: 'egress_denied', error: because });
    expect(attempts[0]?.error).toEqual({ code: 'egress_denied', message: because });
  });

  it('retries what may pass, then calls the run dead', async () => {
    dispatch.setOutcomes(FAILURE, FAILURE);
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    expect(await dispatch.attempts(dispatch.ask(run, 1))).toEqual({
      next: 'attempt',
      attempt: 2,
      delay_ms: 1_000,
    });
    expect(await dispatch.runOf(event)).toMatchObject({
      state: 'retrying',
      due_at: 1_001_000,
      reason: 'http_503',
    });
    expect(await dispatch.eventsOf('hook.failed')).toEqual([]);
    dispatch.advance(600);
    expect(await dispatch.attempts(dispatch.ask(run, 1))).toEqual({
      next: 'attempt',
      attempt: 2,
      delay_ms: 400,
    });
    expect(await dispatch.attempts(dispatch.ask(run, 2))).toMatchObject({ next: 'done', state: 'dead' });
    const [failed] = await dispatch.eventsOf('hook.failed');
    expect(failed?.payload).toMatchObject({
      state: 'dead',
      attempt: 2,
      error: { code: 'http_503', message: 'away' },
    });
    const { attempts } = await dispatch.runs.get(run.id);
    expect(attempts.map(({ number, outcome }) => [number, outcome])).toEqual([
      [1, 'failed'],
      [2, 'failed'],
    ]);
  });

  it('gives every attempt of a generation the same idempotency key', async () => {
    dispatch.setOutcomes(FAILURE);
    const run = await dispatch.runOf(await dispatch.publish());
    await dispatch.attempts(dispatch.ask(run, 1));
    await dispatch.attempts(dispatch.ask(run, 2));
    expect(new Set(dispatch.executed.map(({ idempotencyKey }) => idempotencyKey))).toEqual(
      new Set([`${run.id}.0`]),
    );
  });

  it('records an answer that no event or row could hold, instead of asking for it again without end', async () => {
    let deep: JsonValue = 'bottom';
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    const half = String.fromCharCode(0xd800);
    dispatch.setOutcomes({
      kind: 'succeeded',
      output: { deep, text: `half ${half}, nothing \0`, [`key\0`]: 2 ** 60 },
      detail: { deep },
    });
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    expect(await dispatch.attempts(dispatch.ask(run, 1))).toMatchObject({ state: 'succeeded' });
    const [executed] = await dispatch.eventsOf('hook.executed');
    expect(executed?.payload['output']).toMatchObject({
      text: 'half \uFFFD, nothing \uFFFD',
      'key\uFFFD': 2 ** 60,
    });
    expect(JSON.stringify((await dispatch.runs.get(run.id)).attempts)).toContain('nested too deeply');
  });

  it('does not record what a shutdown cut short, but what was done before it took hold', async () => {
    dispatch.setOutcomes(FAILURE);
    const event = await dispatch.publish();
    const run = await dispatch.runOf(event);
    const stopped = { ...dispatch.ask(run, 1), signal: AbortSignal.abort() };
    await expect(dispatch.attempts(stopped)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await dispatch.runOf(event)).toMatchObject({ attempts: 0, state: 'pending' });

    dispatch.setOutcomes(SUCCESS);
    expect(await dispatch.attempts(stopped)).toMatchObject({ next: 'done', state: 'succeeded' });
    expect(await dispatch.runOf(event)).toMatchObject({ attempts: 1, state: 'succeeded' });
  });
});

describe('the sweeper', () => {
  it('settles a run whose workflow was terminated, with the reason, and it can be replayed', async () => {
    const event = await dispatch.publish();
    await started(1);
    dispatch.states.set(`hook:h:${event.id}`, 'closed');
    dispatch.advance(60_000);
    await dispatch.sweeper.tick();
    const run = await dispatch.runOf(event);
    expect(run).toMatchObject({ state: 'failed', reason: 'terminated', sweep_at: null });
    expect((await dispatch.eventsOf('hook.failed'))[0]?.payload).toMatchObject({
      error: { code: 'terminated' },
    });

    await dispatch.runs.replay(run.id);
    await started(2);
    expect(dispatch.starts[1]).toBe(`hook:h:${event.id}:g1`);
    expect(await dispatch.runOf(event)).toMatchObject({ state: 'pending', generation: 1, attempts: 0 });
  });

  it('leaves a running one alone and looks again later', async () => {
    const event = await dispatch.publish();
    await started(1);
    dispatch.advance(60_000);
    expect(await dispatch.sweeper.tick()).toBe(1);
    expect(await dispatch.runOf(event)).toMatchObject({ state: 'running' });
    expect(await dispatch.sweeper.tick()).toBe(0);
  });

  it('looks at nothing that is not due', async () => {
    await dispatch.publish();
    expect(await dispatch.sweeper.tick()).toBe(0);
  });
});

describe('the ledger', () => {
  it('lists the newest first, page by page, by state too', async () => {
    const events: CrucibleEvent[] = [];
    for (let n = 0; n < 5; n += 1) events.push(await dispatch.publish());
    const [, second] = events;
    if (second === undefined) throw new Error('no event');
    await dispatch.attempts(dispatch.ask(await dispatch.runOf(second), 1));
    const first = await dispatch.runs.list('hook:h', { limit: 2 });
    expect(first.data.map((run) => run.event_id)).toEqual([events[4]?.id, events[3]?.id]);
    const next = await dispatch.runs.list('hook:h', { limit: 2, cursor: first.next_cursor ?? '' });
    expect(next.data.map((run) => run.event_id)).toEqual([events[2]?.id, events[1]?.id]);
    const succeeded = await dispatch.runs.list('hook:h', { limit: 10, state: 'succeeded' });
    expect(succeeded).toMatchObject({ data: [{ event_id: second.id }], next_cursor: null });
    expect((await dispatch.runs.ofEvent(second.position)).map((run) => run.state)).toEqual(['succeeded']);
  });

  it('gives the longest page that may be asked for', async () => {
    await dispatch.publish();
    expect(await dispatch.runs.list('hook:h', { limit: 1_000 })).toMatchObject({
      data: [{}],
      next_cursor: null,
    });
  });

  it('refuses a cursor that is not its own, an unknown run, and the replay of one that has not ended', async () => {
    await expect(dispatch.runs.list('hook:h', { limit: 2, cursor: 'nonsense' })).rejects.toMatchObject({
      code: 'bad_cursor',
    });
    await expect(dispatch.runs.get('run_nothing')).rejects.toMatchObject({ code: 'not_found' });
    const run = await dispatch.runOf(await dispatch.publish());
    await expect(dispatch.runs.replay(run.id)).rejects.toMatchObject({ code: 'conflict' });
  });
});
