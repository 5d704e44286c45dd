import { expect, it } from 'vitest';
import { buildEvent } from '../events/build.ts';
import { compileFilters } from '../events/filters/index.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog } from '../log/create-log.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import { createModeOf, type ModeOf } from './mode.ts';
import { createPolicies } from './policies.ts';
import { createTargetReactor } from './reactor.ts';
import { runFrom } from './rows.ts';
import { DEFINITION_TABLE, RUN_TABLE, type Run } from './run.ts';
import { createStarter } from './starter.ts';
import type { WorkflowStarter } from './workflow-starter.ts';

/** Matching and the starter, over the memory log; no start is answered before `answerStarts`. */
const open = async (targets: number) => {
  const clock = { now: () => 1_000 };
  let modeOf: ModeOf = () => 'direct';
  const reactor = createTargetReactor({ clock, newId, modeOf: (...asked) => modeOf(...asked) });
  const store = createMemoryStore({ tables: [RUN_TABLE, DEFINITION_TABLE] });
  const log = await createLog({ store, reactor, clock, logger: silentLogger });
  reactor.load(
    Array.from({ length: targets }, (_, n) => ({
      id: `hook:${n}`,
      kind: 'hook',
      worlds: ['default'],
      filters: compileFilters([{ event_type: 'custom.tick' }]),
      enabled: true,
      paused: false,
      definition: 'd',
    })),
  );
  await log.append({
    events: [],
    mutations: [{ op: 'put', table: DEFINITION_TABLE.name, row: { id: 'd', definition: {} } }],
  });
  const answers = Promise.withResolvers<void>();
  const workflows: WorkflowStarter = {
    start: async () => {
      await answers.promise;
      return { temporalRunId: 't', started: true };
    },
    describe: () => Promise.resolve('running'),
  };
  const policies = createPolicies(log.records, {
    hook: {
      policy: () => ({
        timeoutMs: 1_000,
        maxAttempts: 1,
        schedule: { kind: 'fixed', initialMs: 0 },
        jitter: 0,
        local: true,
      }),
      execute: () => Promise.reject(new Error('nothing is executed here')),
    },
  });
  const starter = createStarter({
    log,
    workflows,
    policies,
    buildEvent: () => {
      throw new Error('no run ends here');
    },
    clock,
    logger: silentLogger,
    after: () => () => undefined,
  });
  log.onCommit(starter.committed);
  modeOf = createModeOf({ starter, drains: { hasBacklog: () => false }, packMax: 500 });
  const made: Run[] = [];
  log.onCommit(({ reactions }) => void made.push(...reactions.map(({ row }) => runFrom(row))));
  return {
    publish: async (count: number): Promise<readonly Run[]> => {
      made.length = 0;
      const event = () =>
        buildEvent(
          { type: 'custom.tick', payload: {} },
          {
            source: { kind: 'user', user_id: 'a' },
            actor: 'user:a',
            world: 'default',
            correlation_id: 'c',
            causation_id: null,
            depth: 0,
          },
          { newId },
        );
      await log.append({ events: Array.from({ length: count }, event) });
      return [...made];
    },
    async [Symbol.asyncDispose]() {
      answers.resolve();
      await starter.stop();
      await log.close();
    },
  };
};

const directOf = (runs: readonly Run[]): number =>
  runs.filter(({ workflow_id: workflowId }) => workflowId !== null).length;

it('a burst for one target begins directly, and the rest of it is for the drain', async () => {
  await using d = await open(1);
  expect(directOf(await d.publish(20))).toBe(8);
});

it('a few events for a few targets all run directly', async () => {
  await using d = await open(10);
  expect(directOf(await d.publish(4))).toBe(40);
});

it('a burst for many targets at once starts one run of each directly, not eight', async () => {
  await using d = await open(200);
  const runs = await d.publish(10);
  expect(runs).toHaveLength(2_000);
  expect(directOf(runs)).toBe(200);
  // They wait for their start: what comes now is for the drains.
  expect(directOf(await d.publish(1))).toBe(0);
});
