import type { NewEvent } from '../../src/events/envelope.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { Committed } from '../../src/log/log.ts';
import type { Row } from '../../src/log/records.ts';
import { buildEvent } from '../../src/dispatch/build-event.ts';
import { runFrom } from '../../src/dispatch/rows.ts';
import { ATTEMPT_TABLE, RUN_TABLE } from '../../src/dispatch/run.ts';
import { openDispatch } from '../../src/main/open-dispatch.ts';
import { openServices } from '../../src/main/open-services.ts';
import { openState } from '../../src/main/open-state.ts';
import { systemOrigin } from '../../src/main/system-origin.ts';
import { createConnectedAgents } from '../../src/stream/connected-agents.ts';
import type { WebhookInput } from '../../src/webhooks/webhook.ts';
import { openBenchLog } from './open-bench-log.ts';

const PAGE = 1_000;
/** Registrations under way at once. */
const CREATING = 50;

/** The product with its webhooks: the log, matching, Temporal, deliveries and the ledger, in this process. */
export const webhookProduct = async (temporal: { address: string; namespace: string }) => {
  const { config, logger, closers, log, targets, useMode } = await openBenchLog(temporal);
  const deps = {
    config,
    logger,
    version: 'bench',
    readSecret: () => undefined,
    environment: {},
    onFatal: (error: Error): never => {
      throw error;
    },
  };
  const { webhooks, policies } = await openServices(
    deps,
    { log, writer: openState(log), targets, buildEvent, connections: createConnectedAgents() },
    closers,
  );
  const dispatch = openDispatch({ config, logger }, { log, policies, buildEvent, useMode }, closers);
  await dispatch.temporal.untilWorking();
  const origin = systemOrigin('bench', newId);

  return {
    /** @returns their ids, in the order of the inputs */
    create: async (inputs: readonly WebhookInput[]): Promise<readonly string[]> => {
      const ids: string[] = [];
      for (let from = 0; from < inputs.length; from += CREATING) {
        const made = await Promise.all(
          inputs.slice(from, from + CREATING).map((input) => webhooks.create(input)),
        );
        ids.push(...made.map(({ webhook }) => webhook.id));
      }
      return ids;
    },
    remove: (id: string): Promise<void> => webhooks.remove(id),
    publish: async (type: string, numbers: readonly number[]): Promise<void> => {
      const filler = 'x'.repeat(200);
      const events: NewEvent[] = numbers.map((n) => buildEvent({ type, payload: { n, filler } }, origin));
      await log.append({ events });
    },
    onCommit: (listener: (committed: Committed) => void) => log.onCommit(listener),
    /** Every run and every attempt in the ledger, counted by what it came to. */
    ledger: async (): Promise<{ runs: Record<string, number>; attempts: Record<string, number> }> => {
      const runs: Record<string, number> = {};
      const attempts: Record<string, number> = {};
      const count = (counts: Record<string, number>, word: unknown): void => {
        counts[String(word)] = (counts[String(word)] ?? 0) + 1;
      };
      const forEach = async (table: string, visit: (row: Row) => void): Promise<void> => {
        for (let after: string | undefined; ;) {
          const rows = await log.records.list(table, { limit: PAGE, ...(after !== undefined && { after }) });
          rows.forEach(visit);
          after = rows.at(-1)?.id;
          if (rows.length < PAGE) return;
        }
      };
      // The attempt that ends a run stands in its row, unless it is large; the others have rows of their own.
      await forEach(RUN_TABLE.name, (row) => {
        const { state, last_attempt: last } = runFrom(row);
        count(runs, state);
        if (last !== undefined && last !== null) count(attempts, last.outcome);
      });
      await forEach(ATTEMPT_TABLE.name, (row) => count(attempts, row['outcome']));
      return { runs, attempts };
    },
    async [Symbol.asyncDispose]() {
      await closers.closeAll();
    },
  };
};
