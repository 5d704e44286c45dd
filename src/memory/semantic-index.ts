import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { EmbeddingsFailure, embeddingsUnavailable } from './embeddings-failure.ts';
import type { Embeddings } from './embeddings.ts';
import { createKeptVectors, rowsOf } from './semantic-kept.ts';
import { createPending, memoriesOf, takesAway } from './semantic-pending.ts';
import { encodeVector, type VectorRow } from './semantic-rows.ts';
import { embeddable, embedEach } from './semantic-texts.ts';
import type { Semantic } from './semantic.ts';
import { MEMORY_TABLE, type MemoryRow } from './tables.ts';

export interface SemanticIndexDeps {
  readonly log: Pick<Log, 'append' | 'records' | 'replay' | 'head' | 'firstAvailable' | 'onCommit'>;
  readonly embeddings: Embeddings;
  readonly logger: Logger;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Tells the log of a failure: once, until it is over. */
  readonly report: (problem: CrucibleError) => Promise<void>;
}

export interface SemanticIndex extends Semantic {
  /** Begins to follow the log. */
  start(): void;
  /** Ends what is under way; what is left is done after the next start. */
  close(): Promise<void>;
}

const BATCH = 64;
const BATCH_TIMEOUT_MS = 60_000;
const QUERY_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** How far the log may be ahead of what is written down; that much is looked through again after a restart. */
const PROGRESS_EVERY = 10_000;

/**
 * Keeps a vector for each memory that has a text, and searches them.
 *
 * It follows the log: loading -> working <-> waiting; a failure in any of them -> pausing -> again. Each event that may
 * change a text makes its memory pending, and nothing but a look at its row makes it done, so whatever is missed, doubled
 * or interrupted comes right. Progress is written down behind what is done, never before it.
 */
export const createSemanticIndex = (deps: SemanticIndexDeps): SemanticIndex => {
  const { log, embeddings, logger, random } = deps;
  const pending = createPending();
  const kept = createKeptVectors(log, embeddings.identity);
  const stopped = new AbortController();
  const { signal } = stopped;
  const loaded = Promise.withResolvers<void>();
  loaded.promise.catch(() => undefined);
  let saved: number | undefined;
  let told = false;
  let wake = (): void => undefined;
  /** Events that are committed while it loads; undefined afterwards. */
  let early: CrucibleEvent[] | undefined = [];

  const note = (event: CrucibleEvent): void => {
    pending.note(event);
    if (takesAway(event)) for (const id of memoriesOf(event)) kept.hide(id);
  };
  const follow = (events: readonly CrucibleEvent[]): void => {
    for (const event of events) note(event);
    if (pending.size > 0 || progressIsDue()) wake();
  };
  const progressIsDue = (): boolean => {
    const reached = pending.reached();
    return reached !== undefined && (saved === undefined || reached - saved >= PROGRESS_EVERY);
  };

  const load = async (): Promise<void> => {
    await kept.load(signal);
    saved = await kept.readProgress();
    if (saved !== undefined && saved + 1 < log.firstAvailable()) saved = undefined;
    const noted = saved === undefined ? await lookThrough() : await catchUp(saved);
    if (signal.aborted) return;
    pending.seen(noted);
    const later = (early ?? []).filter(({ position }) => position > noted);
    early = undefined;
    follow(later);
    loaded.resolve();
  };
  /** @returns the position up to which everything is noted */
  const catchUp = async (after: number): Promise<number> => {
    let noted = after;
    for await (const item of log.replay({ after, signal })) {
      if (item.kind === 'caught_up') return item.position;
      note(item.event);
      noted = item.event.position;
    }
    return noted;
  };
  /** All memories, for an index that has not followed the log from its beginning. @returns as `catchUp` */
  const lookThrough = async (): Promise<number> => {
    const head = log.head();
    const gone = new Set(kept.ids());
    for await (const row of rowsOf(log, MEMORY_TABLE.name, signal)) {
      if (typeof row['content'] === 'string') gone.delete(row.id);
      if (!kept.isCurrent(row)) pending.add(row.id);
    }
    for (const id of gone) {
      pending.add(id);
      kept.hide(id);
    }
    return head;
  };

  /** Sees to the memories that have waited longest. */
  const work = async (): Promise<void> => {
    const batch = pending.first(BATCH);
    const ids = batch.map(({ id }) => id);
    const rows = (await log.records.getMany(MEMORY_TABLE.name, ids)) as readonly MemoryRow[];
    const memories = new Map(rows.map((row) => [row.id, row]));
    const stale = ids.filter((id) => !kept.isCurrent(memories.get(id) ?? { id }));
    const made = await makeRows(stale.flatMap((id) => memories.get(id) ?? []));
    await kept.write(new Map(stale.map((id) => [id, made.get(id)])));
    for (const memory of batch) {
      // What has changed meanwhile is looked at again, and what was removed is not shown for a moment.
      if (!pending.done(memory)) continue;
      const row = made.get(memory.id);
      if (row !== undefined) kept.show(row);
      else if (stale.includes(memory.id)) kept.hide(memory.id);
    }
  };
  const makeRows = async (memories: readonly MemoryRow[]): Promise<ReadonlyMap<string, VectorRow>> => {
    const texts = memories.flatMap((row) =>
      row.content === undefined ? [] : [{ row, text: embeddable(row.content) }],
    );
    const sent = texts.flatMap(({ text }) => text ?? []);
    const found = await embedEach(embeddings, sent, { timeoutMs: BATCH_TIMEOUT_MS, signal });
    for (const vector of found) if (vector !== undefined) kept.assertComparable(vector);
    if (sent.length > 0) recovered();
    const vectors = found.values();
    return new Map(
      texts.map(({ row, text }): [string, VectorRow] => {
        const vector = text === undefined ? undefined : vectors.next().value;
        if (text !== undefined && vector === undefined)
          logger.warn({ memory: row.id }, 'the embeddings service refuses the text of this memory');
        const { id, world, hash } = row;
        const encoded = vector === undefined ? '' : encodeVector(vector);
        return [id, { id, world, hash, model: embeddings.identity, vector: encoded }];
      }),
    );
  };

  const step = async (): Promise<void> => {
    const reached = pending.reached();
    if (reached !== undefined && progressIsDue()) {
      await kept.writeProgress(reached);
      saved = reached;
    } else if (pending.size > 0) {
      await work();
    } else {
      const awake = Promise.withResolvers<void>();
      wake = awake.resolve;
      if (!signal.aborted) await awake.promise;
    }
  };
  /** Does it again until it succeeds. */
  const persist = async (what: () => Promise<void>): Promise<void> => {
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await what();
        return;
      } catch (error) {
        if (signal.aborted) return;
        await tell(error);
        const asked = error instanceof EmbeddingsFailure ? error.retryAfterMs : undefined;
        await deps.sleep(asked ?? pauseMs(failures, random()), signal);
      }
    }
  };
  const run = async (): Promise<void> => {
    await persist(load);
    while (!signal.aborted) await persist(step);
  };
  const tell = async (error: unknown): Promise<void> => {
    logger.warn({ err: messageOf(error), pending: pending.size }, 'the index of meanings cannot go on now');
    if (told || !(error instanceof EmbeddingsFailure)) return;
    try {
      await deps.report(embeddingsUnavailable(error));
      told = true;
    } catch (cause) {
      logger.warn({ err: messageOf(cause) }, 'the log could not be told of it');
    }
  };
  const recovered = (): void => {
    if (told) logger.info({ pending: pending.size }, 'the embeddings service answers again');
    told = false;
  };

  let running: Promise<void> | undefined;
  let unfollow = (): void => undefined;
  return {
    start() {
      unfollow = log.onCommit(({ events }) => {
        if (early === undefined) follow(events);
        else early.push(...events);
      });
      running = run();
    },
    async close() {
      unfollow();
      stopped.abort();
      wake();
      loaded.reject(new CrucibleError('embeddings_unavailable', 'The server is shutting down'));
      await running;
    },
    async search(text, { worlds, limit }) {
      await loaded.promise;
      const asked = embeddable(text);
      if (asked === undefined) return { matches: [], pending: pending.size };
      try {
        const [vector] = await embeddings.embed([asked], { timeoutMs: QUERY_TIMEOUT_MS, signal });
        if (vector === undefined) return { matches: [], pending: pending.size };
        kept.assertComparable(vector);
        return { matches: kept.nearest(vector, { worlds, limit }), pending: pending.size };
      } catch (error) {
        throw error instanceof EmbeddingsFailure ? embeddingsUnavailable(error) : error;
      }
    },
  };
};

const pauseMs = (failures: number, random: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + random / 2);
