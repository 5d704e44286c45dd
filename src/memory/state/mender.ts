import { withOrigin } from '../../kernel/context.ts';
import { isCrucibleError, messageOf, type ErrorCode } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { Log } from '../../log/log.ts';
import type { StateWriter } from '../../state/writer.ts';
import { WORK_TABLE, type WorkRow } from '../tables.ts';
import { createPlan } from './plan.ts';

/*
 * States of a row of work:
 *
 *   (none)   --a change leaves it-->      waiting
 *   waiting  --its turn-->                a transaction: edges, and the row as it is then
 *                                          -> (none)   nothing is left
 *                                          -> waiting  with a later `after`
 *
 * The row and the edges are one transaction, so a kill at any moment repeats nothing and loses nothing; what waits is
 * read again at the next start.
 */
export interface Mender {
  /** Takes up what an earlier process has left. Resolves when it is queued. */
  start(): Promise<void>;
  /** Resolves when this work is done, or when the mender is closed. */
  done(ids: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const READ_ROWS = 500;
/** What is over by itself. A log that has failed for good ends the process. */
const PASSING: readonly ErrorCode[] = ['overloaded', 'conflict', 'log_unavailable'];
const RETRY_MS = 250;

export const createMender = (deps: {
  readonly log: Pick<Log, 'records' | 'onCommit'>;
  readonly writer: StateWriter;
  readonly logger: Logger;
  /** Resolves after that time, or when the signal aborts. ms */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}): Mender => {
  const { log, writer, logger, sleep } = deps;
  /** In the order of their turns. A row that is worked on is still in it. */
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const stopped = new AbortController();
  let working: Promise<void> | undefined;

  const enqueue = (id: string): void => {
    if (stopped.signal.aborted || waiting.has(id)) return;
    waiting.set(id, Promise.withResolvers());
    working ??= work().finally(() => {
      working = undefined;
    });
  };

  const finish = (id: string): void => {
    const ended = waiting.get(id);
    waiting.delete(id);
    ended?.resolve();
  };

  const work = async (): Promise<void> => {
    // After the turn of the commit that left it.
    await Promise.resolve();
    for (;;) {
      const [id] = waiting.keys();
      if (id === undefined || stopped.signal.aborted) return;
      try {
        if (await step(id)) finish(id);
      } catch (error) {
        if (PASSING.some((code) => isCrucibleError(error, code))) {
          await sleep(RETRY_MS, stopped.signal);
          continue;
        }
        // It stays in its table: the next start takes it up.
        logger.error({ work: id, cause: messageOf(error) }, 'Links of memories could not be brought in step');
        finish(id);
      }
    }
  };

  /** @returns whether nothing is left of it */
  const step = async (id: string): Promise<boolean> => {
    const row = (await log.records.get(WORK_TABLE.name, id)) as WorkRow | undefined;
    if (row === undefined) return true;
    const origin = row.origin as unknown as Origin;
    let left: readonly string[] = [];
    await withOrigin(origin, () =>
      writer.write(
        async () => {
          const current = (await log.records.get(WORK_TABLE.name, id)) as WorkRow | undefined;
          if (current === undefined) return { change: { events: [], mutations: [] } };
          const plan = createPlan({ records: log.records, world: row.world, origin });
          await plan.resume(current);
          const { change, work: rest } = await plan.finish();
          left = rest;
          return { change };
        },
        { origin },
      ),
    );
    return !left.includes(id);
  };

  const unsubscribe = log.onCommit(({ changed }) => {
    for (const { table, row } of changed) if (table === WORK_TABLE.name) enqueue(row.id);
  });

  return {
    async start() {
      for (let after: string | undefined; ;) {
        const rows = await log.records.list(WORK_TABLE.name, {
          limit: READ_ROWS,
          ...(after === undefined ? {} : { after }),
        });
        for (const { id } of rows) enqueue(id);
        after = rows.at(-1)?.id;
        if (rows.length < READ_ROWS) return;
      }
    },
    async done(ids) {
      await Promise.all(ids.flatMap((id) => waiting.get(id)?.promise ?? []));
    },
    async close() {
      unsubscribe();
      stopped.abort();
      await working;
      for (const id of waiting.keys()) finish(id);
    },
  };
};
