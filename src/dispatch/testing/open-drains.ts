import { compileFilters } from '../../events/filters/index.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { userOrigin } from '../../kernel/testing/user-origin.ts';
import { createLog } from '../../log/create-log.ts';
import { openFollowedLog } from '../../log/following/followed-log.ts';
import { createNearLeader, impatient } from '../../log/following/testing/pair.ts';
import type { Log } from '../../log/log.ts';
import { createMemoryDisk, createMemoryStore } from '../../log/memory-store.ts';
import type { LogStore } from '../../log/store.ts';
import { buildEvent } from '../build-event.ts';
import { createClaims } from '../claim.ts';
import { takeInOrder, type ClaimPolicy } from '../claim-policy.ts';
import { createDrainWork, type DrainAnswer } from '../drain-work.ts';
import type { DrainLines } from '../drain-place.ts';
import { createDrainLines } from '../drain-lines.ts';
import { createDrains } from '../drains.ts';
import { createLiveRuns, type LiveRuns } from '../live-runs.ts';
import { decideMode } from '../mode.ts';
import type { ActionOutcome, AttemptContext } from '../outcome.ts';
import { LINE_KEY_TABLE, LINE_TABLE } from '../line.ts';
import { createPolicies, type Executors } from '../policies.ts';
import { createTargetReactor } from '../reactor.ts';
import { runFrom } from '../rows.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE, type Run } from '../run.ts';
import type { TargetChange } from '../target.ts';
import { openAttempts } from './open-attempts.ts';

const ORIGIN = userOrigin('alice');

export const TARGETS = ['hook:a', 'hook:b'] as const;

/**
 * Drains over the memory log, with the clock and the actions in the hands of the test. Everything waits for its drain,
 * save for `room` runs of a target in a group commit; Temporal is a list of pokes.
 */
export const openDrains = async (
  options: {
    readonly packMax?: number;
    readonly room?: number;
    readonly policy?: ClaimPolicy;
    /** Slots of a target. */
    readonly maxInFlight?: number;
    readonly traced?: boolean;
    /** What is between the work and the lines, as in a worker of its own. */
    readonly over?: (lines: DrainLines) => DrainLines;
  } = {},
) => {
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs };
  const backlog: { of: (target: string) => boolean } = { of: () => false };
  const reactor = createTargetReactor({
    clock,
    newId,
    modeOf: (target, inGroup) => decideMode(options.room ?? 0, inGroup, backlog.of(target)),
  });
  const tables = [LINE_TABLE, LINE_KEY_TABLE, RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE];
  const disk = createMemoryDisk();
  const store = createMemoryStore({ tables, disk });
  const written = { commits: 0, rows: 0 };
  const read = { lines: 0 };
  const counting: LogStore = {
    ...store,
    readIndex(index) {
      read.lines += 1;
      return store.readIndex(index);
    },
    async commit(batch) {
      written.commits += 1;
      for (const { insert, update } of batch.writes) written.rows += insert.length + update.length;
      // As a commit that waits for a disk: what comes meanwhile waits for the next one.
      await new Promise((resolve) => setImmediate(resolve));
      await store.commit(batch);
    },
  };
  const log = await createLog({
    store: counting,
    reactor,
    clock,
    logger: silentLogger,
  });
  const executed: AttemptContext[] = [];
  const act: { once: (context: AttemptContext) => Promise<ActionOutcome> } = {
    once: () => Promise.resolve({ kind: 'succeeded', detail: {} }),
  };
  const executors: Executors = {
    hook: {
      policy: () => ({
        timeoutMs: 60_000,
        maxAttempts: 3,
        schedule: { kind: 'fixed', initialMs: 1_000 },
        jitter: 0,
        local: true,
        maxInFlight: options.maxInFlight ?? 4,
        traced: options.traced === true,
      }),
      execute: (context) => {
        executed.push(context);
        return act.once(context);
      },
    },
  };
  const live = createLiveRuns();
  log.onCommit(live.committed);
  const pokes: string[] = [];
  const temporal = { away: false };
  const timers: (() => void)[] = [];
  const ticks: (() => void)[] = [];
  /** The order of a run of its target that waits to be started directly. */
  const direct: { waits: string | undefined } = { waits: undefined };
  const drains = createDrains({
    log,
    poker: {
      poke: async (target) => {
        if (temporal.away) throw new Error('away');
        pokes.push(target);
      },
    },
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
  log.onCommit(drains.committed);
  backlog.of = drains.hasBacklog;
  const lines = createDrainLines({
    drains,
    starter: { waitsBefore: (_, order) => direct.waits !== undefined && direct.waits < order },
  });
  /** What works drains in a process, upon the log as it is there. */
  const workerOn = (own: Log, given: { readonly live?: LiveRuns; readonly lines: DrainLines }) => {
    const policies = createPolicies(own.records, executors);
    const attempts = openAttempts({
      log: own,
      ...(given.live !== undefined && { live: given.live }),
      policies,
      clock,
    });
    const claims = createClaims({
      log: own,
      clock,
      buildEvent,
      ...(options.policy !== undefined && { policyOf: () => options.policy ?? takeInOrder }),
    });
    const work = createDrainWork({
      log: own,
      claims,
      lines: given.lines,
      attempts,
      policies,
      buildEvent,
      clock,
      logger: silentLogger,
      packMax: options.packMax ?? 1_000,
      every: (_, tick) => {
        ticks.push(tick);
        return () => undefined;
      },
    });
    return {
      claims,
      attempts,
      work: (
        target: string,
        temporalRunId = 't1',
        sequence = 1,
        signal = new AbortController().signal,
      ): Promise<DrainAnswer> => work({ target, temporalRunId, sequence, execution: 1, signal }),
    };
  };
  const own = workerOn(log, { live, lines: options.over?.(lines) ?? lines });
  await log.append({
    events: [],
    mutations: [{ op: 'put', table: DEFINITION_TABLE.name, row: { id: 'd', definition: {} } }],
    changes: TARGETS.map((id): TargetChange => ({
      kind: 'target_set',
      target: {
        id,
        kind: 'hook',
        worlds: ['default'],
        filters: compileFilters([{ event_type: `custom.${id.slice(-1)}.*` }]),
        enabled: true,
        paused: false,
        definition: 'd',
      },
    })),
  });

  return {
    log,
    buildEvent,
    /** How often and how much was written. */
    written,
    /** How often an index was read. */
    read,
    drains,
    lines,
    ...own,
    /** A worker of its own, which follows the log. */
    openWorker: async () => {
      const leader = createNearLeader(log);
      const followed = await openFollowedLog({
        store: createMemoryStore({ tables, disk }),
        leader,
        epoch: log.epoch(),
        clock,
        logger: silentLogger,
        after: impatient,
      });
      const worker = workerOn(followed, { lines });
      await followed.begin();
      return { ...worker, log: followed, leader };
    },
    pokes,
    temporal,
    direct,
    executors,
    executed,
    act,
    clock,
    advance: (ms: number) => {
      nowMs += ms;
    },
    /** What happens every now and then while a drain works. */
    tick: () => {
      for (const beat of ticks) beat();
    },
    /** Runs the timers that wait. */
    fire: () => {
      for (const work of timers.splice(0)) work();
    },
    publish: (target: (typeof TARGETS)[number], count: number) =>
      log.append({
        events: Array.from({ length: count }, () =>
          buildEvent({ type: `custom.${target.slice(-1)}.tick`, payload: {} }, ORIGIN),
        ),
      }),
    runs: async (): Promise<readonly Run[]> =>
      (await log.records.list(RUN_TABLE.name, { limit: 1_000 }))
        .map(runFrom)
        .toSorted((a, b) => (a.order < b.order ? -1 : 1)),
    terminalEvents: async (): Promise<readonly string[]> =>
      (
        await log.query({
          types: ['hook.executed', 'hook.failed', 'hook.skipped'],
          limit: 1_000,
          order: 'asc',
        })
      ).data.map(({ payload }) => payload['run_id'] as string),
    /** Lets everything that was set off in this turn come to rest. */
    settle: async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  };
};
