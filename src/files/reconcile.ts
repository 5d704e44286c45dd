/**
 * Makes what is known of a root what is on its disk: look, plan, apply.
 *
 * A root is *there*, or *away*: missing, unreadable, or another directory than the last time and without a single file,
 * as a mount point is whose disk is not mounted. Of a root that is away nothing is deleted; that it is away is told once.
 */
import type { Origin } from '../kernel/origin.ts';
import type { Records } from '../log/records.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Apply } from './apply.ts';
import { knownBelow, storedIdentity, twinsOf } from './known.ts';
import { look, type Look, type LookDeps } from './look.ts';
import { movedTo } from './moved-to.ts';
import { absoluteOf, isStraight, lookAt, openRoot, type OpenRoot } from './open-root.ts';
import { isWithin, outermost, parentOf } from './place.ts';
import { planFiles, type FilePlan } from './plan.ts';
import { asRow, ROOT_TABLE, rootRowId, type FileRow, type RootPlace } from './row.ts';

export interface Counts {
  readonly created: number;
  readonly modified: number;
  readonly deleted: number;
  readonly renamed: number;
  /** Directories that came or went. */
  readonly directories: number;
  readonly unchanged: number;
  /** Files that were not taken over, and places that could not be looked at. */
  readonly failed: number;
}

export const NOTHING: Counts = {
  created: 0,
  modified: 0,
  deleted: 0,
  renamed: 0,
  directories: 0,
  unchanged: 0,
  failed: 0,
};

export const sumOf = (all: readonly Counts[]): Counts =>
  all.reduce(
    (sum, counts) => ({
      created: sum.created + counts.created,
      modified: sum.modified + counts.modified,
      deleted: sum.deleted + counts.deleted,
      renamed: sum.renamed + counts.renamed,
      directories: sum.directories + counts.directories,
      unchanged: sum.unchanged + counts.unchanged,
      failed: sum.failed + counts.failed,
    }),
    NOTHING,
  );

export type Away = 'missing' | 'unreadable' | 'empty';

export type Reconciled =
  | { readonly kind: 'away'; readonly away: Away }
  | {
      readonly kind: 'there';
      readonly counts: Counts;
      /** To be looked at again soon. */
      readonly again: readonly string[];
      readonly unknown: Look['unknown'];
      readonly unnamed: Look['unnamed'];
    };

export interface ReconcileDeps extends Omit<LookDeps, 'signal'> {
  readonly place: RootPlace;
  readonly records: Records;
  readonly writer: StateWriter;
  readonly apply: Apply;
}

/** Above this it is cheaper to look at everything. */
const MAX_SCOPES = 256;

/**
 * @param requested paths within the root; `''` is all of it
 * @throws CrucibleError when nothing can be written now, and what the signal says
 */
export const reconcile = async (
  requested: readonly string[],
  { origin, signal }: { readonly origin: Origin; readonly signal: AbortSignal },
  deps: ReconcileDeps,
): Promise<Reconciled> => {
  const { place, records } = deps;
  const away = (reason: Away): Reconciled => ({ kind: 'away', away: reason });
  const root = await opened(place);
  if (typeof root === 'string') return away(root);
  const stored = await storedIdentity(records, place);
  const isOther = stored !== undefined && stored !== root.identity;
  const scopes = isOther || requested.length > MAX_SCOPES ? [''] : await scopesOf(root, requested);

  const first = await survey(root, scopes, isOther, { ...deps, signal });
  if (typeof first === 'string') return away(first);
  const lost = first.plan.actions.flatMap((action) => (action.kind === 'deleted' ? [action.known] : []));
  const elsewhere = await movedTo(root, lost, first.seen, { ...deps, signal });
  const last =
    elsewhere.length === 0
      ? first
      : await survey(root, outermost([...scopes, ...elsewhere]), isOther, { ...deps, signal });
  if (typeof last === 'string') return away(last);
  const { plan, seen } = last;
  const { done, stale } = await deps.apply(root, place, plan.actions, { origin, signal });
  if (stored !== root.identity) await rememberRoot(root, origin, deps);
  return {
    kind: 'there',
    counts: countsOf(plan, done, seen),
    again: [...seen.unstable, ...stale],
    unknown: seen.unknown,
    unnamed: seen.unnamed,
  };
};

interface Survey {
  readonly seen: Look;
  readonly plan: FilePlan;
}

/** What has happened below `scopes`, as far as one look tells. */
const survey = async (
  root: OpenRoot,
  scopes: readonly string[],
  isOther: boolean,
  deps: ReconcileDeps & LookDeps,
): Promise<Survey | Away> => {
  const { place, records } = deps;
  const known = await knownBelow(records, place, scopes);
  const byPath = new Map(known.files.map((row) => [row.path, row]));
  const seen = await look(root, scopes, byPath, deps);
  // A disk that went away while it was looked at has left nothing to be seen.
  const still = await opened(place);
  if (typeof still === 'string') return still;
  if (still.identity !== root.identity) return 'missing';
  if (seen.unknown.has('')) return 'unreadable';
  if (isOther && known.files.length > 0 && seen.files.length === 0) return 'empty';
  const plan = planFiles(
    {
      files: [
        ...known.files.filter(({ path }) => !seen.isUnknown(path)),
        ...(await movedAway(root, scopes, seen, byPath, deps)),
      ],
      directories: known.directories.filter(({ path }) => !seen.isUnknown(path)),
    },
    seen,
  );
  return { seen, plan };
};

const opened = async (place: RootPlace): Promise<OpenRoot | Away> => {
  try {
    return (await openRoot(place.path)) ?? 'missing';
  } catch {
    // Whoever looks is told `unreadable`; to look again is all that can be done.
    return 'unreadable';
  }
};

/** The paths to look at: where the directory of one is gone, that directory. */
const scopesOf = async (root: OpenRoot, requested: readonly string[]): Promise<readonly string[]> => {
  const raised: string[] = [];
  for (const each of outermost(requested)) {
    let scope = each;
    while (parentOf(scope) !== '' && !(await isStraight(absoluteOf(root, parentOf(scope)))))
      scope = parentOf(scope);
    raised.push(scope);
  }
  return outermost(raised);
};

/** Known files from elsewhere in the root that are gone there, and whose bytes have come where we looked. */
const movedAway = async (
  root: OpenRoot,
  scopes: readonly string[],
  seen: Look,
  known: ReadonlyMap<string, FileRow>,
  { records, place }: Pick<ReconcileDeps, 'records' | 'place'>,
): Promise<readonly FileRow[]> => {
  if (scopes.includes('')) return [];
  const hashes = new Set(
    seen.files.flatMap(({ path, hash }) => (hash === null || known.has(path) ? [] : [hash])),
  );
  const moved: FileRow[] = [];
  for (const hash of hashes) {
    for (const row of await twinsOf(records, place, hash)) {
      const isElsewhere = !scopes.some((scope) => isWithin(row.path, scope));
      if (isElsewhere && (await lookAt(absoluteOf(root, row.path))) === undefined) moved.push(row);
    }
  }
  return moved;
};

const rememberRoot = async (
  { identity }: OpenRoot,
  origin: Origin,
  { writer, place }: Pick<ReconcileDeps, 'writer' | 'place'>,
): Promise<void> => {
  const row = { id: rootRowId(place), world: place.world, root: place.path, identity };
  await writer.write(
    async () => ({
      change: { events: [], mutations: [{ op: 'put', table: ROOT_TABLE.name, row: asRow(row) }] },
    }),
    { origin },
  );
};

const countsOf = (
  { unchanged }: FilePlan,
  done: Awaited<ReturnType<Apply>>['done'],
  { unknown, unnamed }: Look,
): Counts => {
  const count = (...kinds: readonly string[]): number =>
    done.filter(({ action }) => kinds.includes(action.kind)).length;
  return {
    created: count('created'),
    modified: count('modified'),
    deleted: count('deleted'),
    renamed: count('renamed'),
    directories: count('directory_created', 'directory_deleted'),
    unchanged,
    failed: done.filter(({ failure }) => failure !== null).length + unknown.size + unnamed.length,
  };
};
