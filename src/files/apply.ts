/**
 * Writes what a plan says, batch by batch: the rows of files, their events and their memories in one transaction each.
 * Rows are the truth: whoever is stopped between two batches finds the rest of the plan on the disk again.
 */
import type { Clock } from '../kernel/clock.ts';
import { withOrigin } from '../kernel/context.ts';
import { isCrucibleError, messageOf, type CrucibleError, type ErrorCode } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Records } from '../log/records.ts';
import { mergeChanges } from '../state/change.ts';
import type { Decided, StateWriter } from '../state/writer.ts';
import { documentChange, fileChange } from './change.ts';
import type { Documents } from './documents.ts';
import type { OpenRoot } from './open-root.ts';
import { pathOf, type FileAction } from './plan.ts';
import { prepare, type Prepared } from './prepare.ts';
import { asFileRow, DIRECTORY_TABLE, directoryRowId, FILE_TABLE, fileRowId, type RootPlace } from './row.ts';

/** A document costs milliseconds in a transaction that everybody waits for. */
const MAX_DOCUMENTS = 25;
const MAX_ACTIONS = 100;
/** Of documents as JSON; well below what a request may have, as there are events of links and tags besides. */
const MAX_BYTES = 2 * 1024 * 1024;

export interface ApplyDeps {
  readonly writer: StateWriter;
  readonly records: Records;
  readonly documents: Documents;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Applied {
  /** What was written. */
  readonly done: readonly Prepared[];
  /** Paths where the disk, or the row, was not what the plan saw any more: to be looked at again. */
  readonly stale: readonly string[];
}

/** @throws CrucibleError when nothing can be written now; what was written before that stays */
export type Apply = (
  root: OpenRoot,
  place: RootPlace,
  actions: readonly FileAction[],
  context: { readonly origin: Origin; readonly signal: AbortSignal },
) => Promise<Applied>;

export const createApply = (deps: ApplyDeps): Apply => {
  const { writer, records, documents, clock, logger } = deps;

  /** Whether the row that an action changes is as the plan knew it. */
  const stillHolds = async (place: RootPlace, batch: readonly Prepared[]): Promise<readonly Prepared[]> => {
    const rows = async (table: string, ids: readonly string[]) =>
      new Map((await records.getMany(table, ids)).map((row) => [row.id, row]));
    const files = await rows(
      FILE_TABLE.name,
      batch.flatMap(({ action }) => [
        ...('found' in action ? [fileRowId(place, action.found.path)] : []),
        ...('known' in action && 'revision' in action.known ? [action.known.id] : []),
      ]),
    );
    const directories = await rows(
      DIRECTORY_TABLE.name,
      batch.flatMap(({ action }) =>
        action.kind === 'directory_created'
          ? [directoryRowId(place, action.path)]
          : action.kind === 'directory_deleted'
            ? [action.known.id]
            : [],
      ),
    );
    return batch.filter(({ action }) => {
      if (action.kind === 'directory_created') return !directories.has(directoryRowId(place, action.path));
      if (action.kind === 'directory_deleted') return directories.has(action.known.id);
      const isFree = (): boolean => !('found' in action) || !files.has(fileRowId(place, action.found.path));
      if (action.kind === 'created') return isFree();
      const row = files.get(action.known.id);
      if (row === undefined || asFileRow(row).revision !== action.known.revision) return false;
      return action.kind !== 'renamed' || isFree();
    });
  };

  const write = async (place: RootPlace, batch: readonly Prepared[], origin: Origin): Promise<Applied> => {
    let held: readonly Prepared[] = [];
    const decide = async (): Promise<Decided> => {
      held = await stillHolds(place, batch);
      const changes = held.flatMap((prepared) => documentChange(place, prepared) ?? []);
      const memories =
        changes.length === 0 ? { events: [], mutations: [] } : await documents.plan(changes, place.world);
      const { change, processed } = fileChange(place, held, clock.now());
      return { change: mergeChanges([change, memories, { events: processed, mutations: [] }]) };
    };
    // Whoever plans the memories asks on whose behalf.
    await withOrigin(origin, () => writer.write(decide));
    const stale = batch.filter((prepared) => !held.includes(prepared));
    return { done: held, stale: stale.map(({ action }) => pathOf(action)) };
  };

  /** Writes a batch; a document that is refused is found by halves, and told of alone. */
  const writeOrSplit = async (
    place: RootPlace,
    batch: readonly Prepared[],
    origin: Origin,
  ): Promise<Applied> => {
    try {
      return await write(place, batch, origin);
    } catch (error) {
      const [first] = batch;
      if (first === undefined || !isRefusal(error) || batch.every(({ document }) => document.op === 'keep'))
        throw error;
      if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        const one = await writeOrSplit(place, batch.slice(0, half), origin);
        const other = await writeOrSplit(place, batch.slice(half), origin);
        return { done: [...one.done, ...other.done], stale: [...one.stale, ...other.stale] };
      }
      const path = pathOf(first.action);
      logger.warn({ path, code: error.code }, `a document was not taken over: ${messageOf(error)}`);
      const failure = { code: error.code, message: error.message };
      return write(place, [{ ...first, document: { op: 'keep' }, failure }], origin);
    }
  };

  return async (root, place, actions, { origin, signal }) => {
    const done: Prepared[] = [];
    const stale: string[] = [];
    let batch: Prepared[] = [];
    let counted = { documents: 0, bytes: 0 };
    const flush = async (): Promise<void> => {
      signal.throwIfAborted();
      if (batch.length > 0) {
        const result = await writeOrSplit(place, batch, origin);
        done.push(...result.done.map(withoutContent));
        stale.push(...result.stale);
      }
      batch = [];
      counted = { documents: 0, bytes: 0 };
    };
    for (const action of actions) {
      signal.throwIfAborted();
      const prepared = await prepare(root, action, deps);
      if (prepared === undefined) {
        stale.push(pathOf(action));
        continue;
      }
      const { document } = prepared;
      const bytes = 'content' in document ? Buffer.byteLength(JSON.stringify(document.content)) : 0;
      if (batch.length > 0 && counted.bytes + bytes > MAX_BYTES) await flush();
      batch.push(prepared);
      counted = {
        documents: counted.documents + (document.op === 'keep' ? 0 : 1),
        bytes: counted.bytes + bytes,
      };
      if (counted.documents >= MAX_DOCUMENTS || batch.length >= MAX_ACTIONS) await flush();
    }
    await flush();
    return { done, stale };
  };
};

/** A vault's texts are not to be held until its end. */
const withoutContent = (prepared: Prepared): Prepared =>
  'content' in prepared.document
    ? { ...prepared, document: { ...prepared.document, content: '' } }
    : prepared;

/** What is said of a document, whenever it is asked. Everything else may be otherwise the next time. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid',
  'schema_mismatch',
  'payload_too_large',
  'already_exists',
  'not_found',
  'forbidden',
]);

const isRefusal = (error: unknown): error is CrucibleError =>
  isCrucibleError(error) && REFUSALS.has(error.code);
