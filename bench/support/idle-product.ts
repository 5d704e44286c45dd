import { Client, Connection } from '@temporalio/client';
import { buildEvent } from '../../src/dispatch/build-event.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import type { TargetChange } from '../../src/dispatch/target.ts';
import { compileFilters } from '../../src/events/filters/index.ts';
import { newId } from '../../src/kernel/ids.ts';
import { openDispatch } from '../../src/main/open-dispatch.ts';
import { systemOrigin } from '../../src/main/system-origin.ts';
import { openBenchLog } from './open-bench-log.ts';

/** What one publish took. ms */
export interface Round {
  /** From the call to the acknowledgement. */
  readonly ack: number;
  /** From the call until the action begins. */
  readonly fromCall: number;
  /** From the acknowledgement until the action begins. */
  readonly fromAck: number;
}

/** Events of one append. */
const EVENTS_A_CALL = 500;

/** The product with one hook whose action only says that it began. */
export const idleProduct = async (temporal: { address: string; namespace: string }) => {
  const { config, logger, closers, log, useMode } = await openBenchLog(temporal);
  const waiting = new Map<string, (beganAt: number) => void>();
  const policies = createPolicies(log.records, {
    hook: {
      policy: () => ({
        timeoutMs: 5_000,
        maxAttempts: 1,
        schedule: { kind: 'fixed', initialMs: 0 },
        jitter: 0,
        local: true,
        maxInFlight: 64,
      }),
      execute: async ({ event }) => {
        waiting.get(event.id)?.(performance.now());
        waiting.delete(event.id);
        return { kind: 'succeeded', detail: {} };
      },
    },
  });
  const dispatch = openDispatch({ config, logger }, { log, policies, buildEvent, useMode }, closers);
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

  const makeEvent = () =>
    buildEvent({ type: 'custom.bench.tick', payload: { filler: 'x'.repeat(200) } }, origin);
  /** One publish, until its action begins. */
  const publish = async (): Promise<Round & { readonly id: string }> => {
    const event = makeEvent();
    const began = Promise.withResolvers<number>();
    waiting.set(event.id, began.resolve);
    const called = performance.now();
    await log.append({ events: [event] });
    const acknowledged = performance.now();
    const begun = await began.promise;
    return {
      id: event.id,
      ack: acknowledged - called,
      fromCall: begun - called,
      fromAck: begun - acknowledged,
    };
  };

  return {
    publish,
    /** One publish; waits until its workflow is over, as the baseline does, so that the next one finds an idle system. */
    round: async (): Promise<Round> => {
      const { id, ...round } = await publish();
      await client.workflow.getHandle(`hook:bench:${id}`).result();
      return round;
    },
    /** Publishes so many events in one go, and waits until the run of the last one is recorded. */
    burst: async (events: number): Promise<void> => {
      const ended = Promise.withResolvers<void>();
      let left = events;
      const stop = log.onCommit((committed) => {
        left -= committed.events.filter(({ type }) => type === 'hook.executed').length;
        if (left <= 0) ended.resolve();
      });
      for (let from = 0; from < events; from += EVENTS_A_CALL) {
        const length = Math.min(EVENTS_A_CALL, events - from);
        await log.append({ events: Array.from({ length }, makeEvent) });
      }
      await ended.promise;
      stop();
    },
    async [Symbol.asyncDispose]() {
      await closers.closeAll();
    },
  };
};
