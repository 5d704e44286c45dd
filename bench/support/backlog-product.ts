import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { asJson, createHookValidator } from '../../hooks/validate.ts';
import { createHookExecutor } from '../../activities/actions/index.ts';
import { buildEvent } from '../../src/dispatch/build-event.ts';
import type { Executor } from '../../src/dispatch/outcome.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import type { TargetChange } from '../../src/dispatch/target.ts';
import { createEgress } from '../../src/egress/create.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import { compileFilters } from '../../src/events/filters/index.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { newId } from '../../src/kernel/ids.ts';
import { openDispatch } from '../../src/main/open-dispatch.ts';
import { systemOrigin } from '../../src/main/system-origin.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { openBenchLog } from './open-bench-log.ts';

const NOTHING: Executor = {
  policy: () => ({
    timeoutMs: 5_000,
    maxAttempts: 1,
    schedule: { kind: 'fixed', initialMs: 0 },
    jitter: 0,
    local: true,
    maxInFlight: 64,
  }),
  execute: async () => ({ kind: 'succeeded', detail: {} }),
};

const httpHook = (url: string) => ({
  name: 'http',
  trigger: { events: [{ type: 'custom.bench.http' }] },
  action: { type: 'http', method: 'POST', url, body: { n: '{{ event.payload.n }}' } },
});

/** A receiver that answers 200 to everything, and counts what comes to its root. */
const startSink = async () => {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url === '/') count += 1;
      response.end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    count: () => count,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

export type BacklogAction = 'nothing' | 'http';

/** The product with two hooks: one whose action does nothing, and one that sends a request to a local receiver. */
export const backlogProduct = async (temporal: { address: string; namespace: string }) => {
  const { config, logger, closers, log, targets, useMode } = await openBenchLog(temporal);
  const sink = await startSink();
  closers.add(() => sink.close());
  const egress = createEgress({ policy: config.egress, logger });
  closers.add(() => egress.close());
  const sandbox = createSandbox({ logger });
  closers.add(() => sandbox.close());
  const hooks = createHookExecutor({
    egress,
    sandbox,
    targetOf: (id) => targets().get(id),
    readSecret: () => undefined,
    environment: {},
    hookDirs: [config.dataDir],
    emit: () => Promise.reject(new Error('nothing emits here')),
    clock,
    version: 'bench',
  });
  const validator = createHookValidator({ catalogue, sandbox, egress });
  const { hook, issues } = await validator.readObject(httpHook(sink.url), ['default']);
  if (hook === undefined) throw new Error(JSON.stringify(issues));
  const ofAction = (definition: object): Executor => ('action' in definition ? hooks : NOTHING);
  const policies = createPolicies(log.records, {
    hook: {
      policy: (definition) => ofAction(definition).policy(definition),
      execute: (context) => ofAction(context.definition).execute(context),
    },
  });
  const dispatch = openDispatch({ config, logger }, { log, policies, buildEvent, useMode }, closers);
  await dispatch.temporal.untilWorking();
  const actions: readonly BacklogAction[] = ['nothing', 'http'];
  await log.append({
    events: [],
    changes: actions.map((action): TargetChange => ({
      kind: 'target_set',
      target: {
        id: `hook:${action}`,
        kind: 'hook',
        worlds: ['default'],
        filters: compileFilters([{ event_type: `custom.bench.${action}` }]),
        enabled: true,
        paused: false,
        definition: action,
      },
    })),
    mutations: actions.map((action) => ({
      op: 'put' as const,
      table: DEFINITION_TABLE.name,
      row: { id: action, definition: action === 'http' ? asJson(hook.definition) : {} },
    })),
  });
  const origin = systemOrigin('bench', newId);
  let ended = new Map<string, number>();
  let expected = 0;
  let all = Promise.withResolvers<void>();
  let last = 0;
  log.onCommit(({ events }) => {
    for (const { type, payload } of events) {
      if (!type.startsWith('hook.')) continue;
      const { run_id: id, state } = payload as { run_id: string; state: string };
      if (state !== 'succeeded') all.reject(new Error(`${id} ended as ${state}: ${JSON.stringify(payload)}`));
      ended.set(id, (ended.get(id) ?? 0) + 1);
      if (ended.get(id) !== 1) all.reject(new Error(`${id} ended twice`));
    }
    if (ended.size >= expected && expected > 0) {
      last = performance.now();
      all.resolve();
    }
  });

  return {
    sinkUrl: sink.url,
    sent: sink.count,
    /**
     * Publishes `events` events in one go, and waits until each has led to its run's end.
     * @returns runs a second, from the first publish to the last record
     */
    round: async (action: BacklogAction, events: number): Promise<number> => {
      ended = new Map();
      expected = events;
      all = Promise.withResolvers<void>();
      const began = performance.now();
      for (let from = 0; from < events; from += 500) {
        await log.append({
          events: Array.from({ length: Math.min(500, events - from) }, (_, i) =>
            buildEvent(
              { type: `custom.bench.${action}`, payload: { n: from + i, filler: 'x'.repeat(200) } },
              origin,
            ),
          ),
        });
      }
      await all.promise;
      return (events / (last - began)) * 1_000;
    },
    async [Symbol.asyncDispose]() {
      await closers.closeAll();
    },
  };
};
