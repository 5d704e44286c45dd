/**
 * Publish to action, idle: from the call of append, and from its acknowledgement, until the action of a post hook
 * begins. Baseline in the same run: the bare SDK, eager start and a local activity that does nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { loadConfig } from '../src/config/load.ts';
import { createPolicies } from '../src/dispatch/policies.ts';
import { DEFINITION_TABLE } from '../src/dispatch/run.ts';
import type { TargetChange } from '../src/dispatch/target.ts';
import type { BuildEvent } from '../src/dispatch/terminal-event.ts';
import { buildEvent as build } from '../src/events/build.ts';
import { compileFilters } from '../src/events/filters/index.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createClosers } from '../src/main/closers.ts';
import { openDispatch } from '../src/main/open-dispatch.ts';
import { openLog } from '../src/main/open-log.ts';
import { systemOrigin } from '../src/main/system-origin.ts';
import { temporalServer } from '../test/support/temporal-server.ts';
import { bareWorkflowLatencies } from './support/bare-workflow.ts';

const BLOCKS = 5;
const ROUNDS = 60;
const WARMUP = 40;

const buildEvent: BuildEvent = (input, origin) =>
  build(input as Parameters<typeof build>[0], origin, { newId });

/** The product with one hook whose action only says that it began. */
const openProduct = async (temporal: { address: string; namespace: string }) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
  const logger = silentLogger;
  const config = loadConfig({
    env: {
      CRUCIBLE_DATA_DIR: dataDir,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
    },
    cwd: dataDir,
    dev: true,
  });
  const closers = createClosers(logger);
  const { log } = await openLog(
    {
      config,
      logger,
      onFatal: (error) => {
        throw error;
      },
    },
    closers,
  );
  let began = Promise.withResolvers<number>();
  const policies = createPolicies(log.records, {
    hook: {
      policy: () => ({
        timeoutMs: 5_000,
        maxAttempts: 1,
        schedule: { kind: 'fixed', initialMs: 0 },
        jitter: 0,
        local: true,
      }),
      execute: async () => {
        began.resolve(performance.now());
        return { kind: 'succeeded', detail: {} };
      },
    },
  });
  const dispatch = openDispatch({ config, logger }, { log, policies, buildEvent }, closers);
  await dispatch.temporal.untilWorking();
  const change: TargetChange = {
    kind: 'target_set',
    target: {
      id: 'hook:bench',
      kind: 'hook',
      worlds: ['default'],
      filters: compileFilters([{ event_type: 'custom.bench.tick' }]),
      enabled: true,
      paused: false,
      definition: 'bench',
    },
  };
  await log.append({
    events: [],
    changes: [change],
    mutations: [{ op: 'put', table: DEFINITION_TABLE.name, row: { id: 'bench', definition: {} } }],
  });
  const origin = systemOrigin('bench', newId);
  const connection = await Connection.connect({ address: temporal.address });
  closers.add(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace });

  return {
    /** One publish; waits until its workflow is over, as the baseline does, so that the next one finds an idle system. */
    round: async (): Promise<{ ack: number; fromCall: number; fromAck: number }> => {
      began = Promise.withResolvers<number>();
      const called = performance.now();
      const event = buildEvent({ type: 'custom.bench.tick', payload: { filler: 'x'.repeat(200) } }, origin);
      await log.append({ events: [event] });
      const acknowledged = performance.now();
      const begun = await began.promise;
      await client.workflow.getHandle(`hook:bench:${event.id}`).result();
      return { ack: acknowledged - called, fromCall: begun - called, fromAck: begun - acknowledged };
    },
    async [Symbol.asyncDispose]() {
      await closers.closeAll();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

const at = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
const shown = (values: readonly number[]): string =>
  `p50 ${at(values, 0.5).toFixed(2)}  p95 ${at(values, 0.95).toFixed(2)}  p99 ${at(values, 0.99).toFixed(2)} ms`;

await using temporal = await temporalServer();
const ratios: number[] = [];
const all = { ack: [] as number[], fromCall: [] as number[], fromAck: [] as number[], bare: [] as number[] };
{
  await using product = await openProduct(temporal);
  for (let n = 0; n < WARMUP; n += 1) await product.round();
  for (let block = 0; block < BLOCKS; block += 1) {
    const rounds = [];
    for (let n = 0; n < ROUNDS; n += 1) rounds.push(await product.round());
    const bare = await bareWorkflowLatencies({ ...temporal, rounds: ROUNDS, warmup: 20 });
    const fromAck = rounds.map((round) => round.fromAck);
    ratios.push(at(fromAck, 0.5) / at(bare.actionBegan, 0.5));
    all.ack.push(...rounds.map((round) => round.ack));
    all.fromCall.push(...rounds.map((round) => round.fromCall));
    all.fromAck.push(...fromAck);
    all.bare.push(...bare.actionBegan);
    console.log(
      `block ${block + 1}: from ack p50 ${at(fromAck, 0.5).toFixed(2)}, bare p50 ${at(bare.actionBegan, 0.5).toFixed(2)}, eager ${bare.eager}/${ROUNDS}`,
    );
  }
}
console.log(`acknowledged        ${shown(all.ack)}`);
console.log(`action, from call   ${shown(all.fromCall)}`);
console.log(`action, from ack    ${shown(all.fromAck)}`);
console.log(`bare: action begins ${shown(all.bare)}`);
console.log(`ratio from ack / bare, median of ${BLOCKS}: ${at(ratios, 0.5).toFixed(2)}`);
