import nodePath from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CrucibleError } from '../kernel/errors.ts';
import { currentOrigin } from '../kernel/context.ts';
import type { Clock } from '../kernel/clock.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Idempotency, Log } from '../log/log.ts';
import type { Records } from '../log/records.ts';
import type { StateWriter } from '../state/writer.ts';
import { createApply } from './apply.ts';
import type { Documents } from './documents.ts';
import { createIgnore } from './ignore.ts';
import { listFiles, type FileList, type FileQuery } from './list.ts';
import { realOf } from './open-root.ts';
import { isWithin, readPath } from './place.ts';
import { NOTHING, sumOf, type Counts, type Reconciled } from './reconcile.ts';
import type { RootPlace } from './row.ts';
import { createWatchedRoot, type WatchedRoot } from './watched-root.ts';

export type { FileList } from './list.ts';

export interface ScanReport extends Counts {
  /** Watched directories that are not there, or look as if their disk were not mounted: nothing was changed for them. */
  readonly away: readonly string[];
}

export interface FileService {
  /**
   * Makes what is known what is on the disk, now.
   * @param request `root`: as configured, default all that the caller may see; `path`: within it, default all of it
   * @throws CrucibleError `forbidden` for a directory that is not watched, or not in the caller's worlds; `invalid` for
   *   a path that leads out of it; those of the log
   */
  scan(
    request: { readonly root?: string; readonly path?: string },
    options?: { readonly visible?: readonly string[] | undefined; readonly idempotency?: Idempotency },
  ): Promise<ScanReport>;
  /** The known files, by root in the order of the configuration, then by path. @throws CrucibleError `forbidden`, `bad_cursor` */
  list(query: FileQuery): Promise<FileList>;
}

/** The service with its life cycle. */
export interface WatchedFiles extends FileService {
  /** Watches, and looks at everything once. Rejects never: what fails is told, and tried again. */
  start(): Promise<void>;
  /** Calls `listener` after each look at a root. @returns ends it */
  onLooked(listener: (root: string, result: Reconciled) => void): () => void;
  close(): Promise<void>;
}

export interface FilesDeps {
  readonly roots: readonly RootPlace[];
  /** Patterns of names that are passed over. */
  readonly ignore: readonly string[];
  /** Absolute directories that are never looked into: what the log itself writes must not cause events. */
  readonly exclude: readonly string[];
  readonly records: Records;
  readonly answered: Log['answered'];
  readonly writer: StateWriter;
  readonly documents: Documents;
  /** Of what changes of its own accord. */
  readonly systemOrigin: () => Origin;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a file must not have changed before it counts as written, ms. Default 200. */
  readonly settleMs?: number;
  readonly maxWaitMs?: number;
  readonly checkMs?: number;
  readonly retryMs?: number;
}

const DEFAULT_SETTLE_MS = 200;

/** Watched directories as a service: their files cause events, their Markdown files are memories. */
export const createFiles = (deps: FilesDeps): WatchedFiles => {
  const { records, writer } = deps;
  const logger = deps.logger.child({ component: 'files' });
  const apply = createApply({ ...deps, logger });
  const timing = Object.fromEntries(
    (['maxWaitMs', 'checkMs', 'retryMs'] as const).flatMap((key) =>
      deps[key] === undefined ? [] : [[key, deps[key]]],
    ),
  );
  const roots = deps.roots.map((place): { readonly place: RootPlace; readonly root: WatchedRoot } => ({
    place,
    root: createWatchedRoot({
      ...timing,
      place,
      records,
      writer,
      apply,
      isIgnored: ignoreFor(place, deps),
      clock: deps.clock,
      settleMs: deps.settleMs ?? DEFAULT_SETTLE_MS,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      systemOrigin: () => ({ ...deps.systemOrigin(), world: place.world }),
      logger,
    }),
  }));

  const visibleRoots = (root: string | undefined, visible: readonly string[] | undefined) => {
    const seen = roots.filter(({ place }) => visible === undefined || visible.includes(place.world));
    if (root === undefined) return seen;
    const named = seen.filter(({ place }) => place.path === root);
    if (named.length > 0) return named;
    const paths = seen.map(({ place }) => place.path);
    throw new CrucibleError('forbidden', `${JSON.stringify(root)} is not a watched directory`, {
      hint: `files_watch names them${paths.length === 0 ? '; there is none' : `: ${paths.join(', ')}`}`,
    });
  };

  return {
    async scan({ root, path }, { visible, idempotency } = {}) {
      const origin = currentOrigin();
      if (origin === undefined)
        throw new CrucibleError('internal', 'files were scanned outside of any request');
      const named = visibleRoots(root, visible);
      const scope = path === undefined ? '' : readPath(path);
      if (scope !== '' && named.length > 1) {
        throw new CrucibleError('invalid', 'A path alone does not say in which watched directory it is', {
          issues: [{ path: 'root', message: 'is missing', hint: 'name the directory that the path is in' }],
        });
      }
      const first = idempotency === undefined ? undefined : await deps.answered(idempotency);
      if (first?.answer !== undefined) return first.answer as unknown as ScanReport;
      const results = await Promise.all(
        named.map(async ({ place, root: watched }) => ({
          place,
          result: await watched.scan([scope], { ...origin, world: place.world }),
        })),
      );
      const report: ScanReport = {
        ...sumOf(results.map(({ result }) => (result.kind === 'there' ? result.counts : NOTHING))),
        away: results.flatMap(({ place, result }) => (result.kind === 'away' ? [place.path] : [])),
      };
      if (idempotency === undefined) return report;
      // Two at once both look, which is harmless; both get the answer of the first.
      const { answer } = await writer.write(
        async () => ({ change: { events: [], mutations: [] }, answer: report as unknown as JsonObject }),
        { idempotency },
      );
      return (answer ?? report) as unknown as ScanReport;
    },

    list: (query) =>
      listFiles(
        records,
        visibleRoots(query.root, query.visible).map(({ place }) => place),
        query,
      ),

    async start() {
      await Promise.all(roots.map(({ root }) => root.start()));
    },
    onLooked(listener) {
      const ends = roots.map(({ place, root }) => root.onLooked((result) => listener(place.path, result)));
      return () => ends.forEach((end) => end());
    },
    async close() {
      await Promise.all(roots.map(({ root }) => root.close()));
    },
  };
};

/** The patterns, and what is excluded where it lies within the root, as configured or as it really is. */
const ignoreFor = (place: RootPlace, { ignore, exclude }: Pick<FilesDeps, 'ignore' | 'exclude'>) => {
  const isIgnored = createIgnore(ignore);
  const excluded = [place.path, realOf(place.path)].flatMap((root) =>
    exclude.flatMap((directory) => {
      const isBelow = directory.startsWith(`${root}${nodePath.sep}`);
      return isBelow ? [nodePath.relative(root, directory).split(nodePath.sep).join('/')] : [];
    }),
  );
  return (path: string): boolean =>
    isIgnored(path) || excluded.some((directory) => isWithin(path, directory));
};
