/**
 * Keeps one root in step with its directory.
 *
 *   quiet --something changes--> waiting --quiet for settleMs, or maxWaitMs over--> working --> quiet
 *                                                              |  a change meanwhile, a file being written -> waiting
 *                                                              +- the log fails                            -> waiting, longer
 *   any --close--> closed, after the batch under way
 *
 * Besides, every `checkMs` it is looked whether the directory is the one that is watched: one that was away and comes
 * back, or is exchanged for another, is watched anew and looked at as a whole.
 */
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { openRoot, type OpenRoot } from './open-root.ts';
import { reconcile, type Away, type Reconciled, type ReconcileDeps } from './reconcile.ts';
import { directorySubject } from './row.ts';
import { watchRoot, type Watch } from './watch.ts';

export interface WatchedRootDeps extends ReconcileDeps {
  /** Of what changes of its own accord; a new story each time. */
  readonly systemOrigin: () => Origin;
  readonly logger: Logger;
  /** How long after the first of many changes they are acted on, even if more come, ms. Default 2,000. */
  readonly maxWaitMs?: number;
  /** How often it is looked whether the directory is still the same, ms. Default 2,000. */
  readonly checkMs?: number;
  /** How long after a failure it is tried again, ms; twice as long each time, up to 30 s. Default 1,000. */
  readonly retryMs?: number;
}

export interface WatchedRoot {
  /** Watches, and looks at everything once. Rejects never: what fails is tried again. */
  start(): Promise<void>;
  /** Looks at these paths now. @throws CrucibleError when nothing can be written now */
  scan(paths: readonly string[], origin: Origin): Promise<Reconciled>;
  /** Calls `listener` after each look. @returns ends it */
  onLooked(listener: (result: Reconciled) => void): () => void;
  close(): Promise<void>;
}

const LONGEST_RETRY_MS = 30_000;
/** Without a watch everything is looked at this often, in checks. */
const CHECKS_WITHOUT_WATCH = 30;

const AWAY: Readonly<Record<Away, string>> = {
  missing: 'the watched directory is not there',
  unreadable: 'the watched directory cannot be read',
  empty: 'the watched directory is another one than before, and holds no file; is its disk mounted?',
};

export const createWatchedRoot = (deps: WatchedRootDeps): WatchedRoot => {
  const { place, settleMs, logger, writer } = deps;
  const { maxWaitMs = 2_000, checkMs = 2_000, retryMs: firstRetryMs = 1_000 } = deps;
  const dirty = new Set<string>();
  const listeners = new Set<(result: Reconciled) => void>();
  const ending = new AbortController();
  let watch: Watch | undefined;
  let watchFailed = false;
  let checks = 0;
  /** Why the root is away, as far as it has been told. */
  let toldAway: Away | undefined;
  const toldNames = new Set<string>();
  let waitingSince: number | undefined;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;
  let checker: NodeJS.Timeout | undefined;
  let working: Promise<unknown> = Promise.resolve();

  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = working.then(work);
    working = turn.catch(() => undefined);
    return turn;
  };

  const tellError = (code: string, message: string, origin: Origin): Promise<unknown> =>
    writer.write(
      async () => ({
        change: {
          events: [
            {
              type: 'system.error',
              payload: { component: 'files', code, message, detail: { root: place.path } },
              subject: directorySubject(place.path, ''),
            },
          ],
          mutations: [],
        },
      }),
      { origin },
    );

  /** What was found out about the root itself, told once each. */
  const report = async (result: Reconciled, origin: Origin): Promise<void> => {
    if (result.kind === 'away') {
      if (toldAway === result.away) return;
      const message = `${AWAY[result.away]}; nothing is deleted, and it is looked for again`;
      logger.error({ root: place.path, reason: result.away }, message);
      await tellError(`root_${result.away}`, `${message}: ${place.path}`, origin);
      toldAway = result.away;
      return;
    }
    if (toldAway !== undefined) logger.info({ root: place.path }, 'the watched directory is back');
    toldAway = undefined;
    const names = [
      ...[...result.unknown].map(([path, reason]) => `${path}: ${reason}`),
      ...result.unnamed.map((name) => `${name}: its name is not UTF-8`),
    ];
    for (const name of names) {
      if (!toldNames.has(name)) logger.warn({ root: place.path }, `passed over: ${name}`);
      toldNames.add(name);
    }
  };

  const lookAt = async (paths: readonly string[], origin: Origin): Promise<Reconciled> => {
    const result = await reconcile(paths, { origin, signal: ending.signal }, deps);
    await report(result, origin);
    if (result.kind === 'there') for (const path of result.again) dirty.add(path);
    if (dirty.size > 0) schedule(settleMs);
    for (const listener of listeners) listener(result);
    return result;
  };

  const work = async (): Promise<void> => {
    const paths = [...dirty];
    dirty.clear();
    waitingSince = undefined;
    if (paths.length === 0) return;
    try {
      await lookAt(paths, deps.systemOrigin());
      retryMs = firstRetryMs;
    } catch (error) {
      if (ending.signal.aborted) return;
      for (const path of paths) dirty.add(path);
      logger.error(
        { root: place.path, retryMs },
        `changes of files could not be acted on: ${messageOf(error)}`,
      );
      schedule(retryMs);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    }
  };

  const schedule = (afterMs: number): void => {
    if (ending.signal.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(() => void inLine(work), afterMs);
  };

  const changed = (path: string): void => {
    if (!dirty.has('')) dirty.add(path);
    const now = deps.clock.now();
    waitingSince ??= now;
    // A clock that jumps back must not make anybody wait longer.
    const leftMs = Math.min(maxWaitMs, Math.max(0, waitingSince + maxWaitMs - now));
    schedule(Math.min(settleMs, leftMs));
  };

  const tellWatchFailed = async (message: string): Promise<void> => {
    try {
      await tellError('watch_failed', `${message}: ${place.path}`, deps.systemOrigin());
    } catch (cause) {
      logger.error({ root: place.path }, `a failed watch could not be told of: ${messageOf(cause)}`);
    }
  };

  const watchFailure = (error: unknown): void => {
    if (ending.signal.aborted) return;
    const message = `watching failed: ${messageOf(error)}; everything is looked at now and then instead`;
    logger.error({ root: place.path }, message);
    if (!watchFailed) void inLine(() => tellWatchFailed(message));
    watchFailed = true;
  };

  const present = async (): Promise<OpenRoot | undefined> => {
    try {
      return await openRoot(place.path);
    } catch (error) {
      logger.debug({ root: place.path }, `the watched directory cannot be looked at: ${messageOf(error)}`);
      return undefined;
    }
  };

  /** Watches the directory that is there. @returns whether it is another one than before, or gone */
  const watchPresent = async (): Promise<boolean> => {
    const root = await present();
    if (ending.signal.aborted || watch?.identity === root?.identity) return false;
    await watch?.close();
    watch =
      root === undefined
        ? undefined
        : watchRoot(root, { isIgnored: deps.isIgnored, onChange: changed, onError: watchFailure });
    await watch?.ready;
    return true;
  };

  const check = async (): Promise<void> => {
    checks += 1;
    const isOther = await watchPresent();
    if (isOther || (watchFailed && checks % CHECKS_WITHOUT_WATCH === 0)) changed('');
  };

  const startChecking = (): void => {
    checker = setTimeout(() => {
      inLine(check)
        .catch(watchFailure)
        .finally(() => {
          if (!ending.signal.aborted) startChecking();
        });
    }, checkMs);
    checker.unref();
  };

  return {
    start: () =>
      inLine(async () => {
        await watchPresent().catch(watchFailure);
        dirty.add('');
        await work();
        if (!ending.signal.aborted) startChecking();
      }),
    scan: (paths, origin) => inLine(() => lookAt(paths, origin)),
    onLooked: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      ending.abort();
      clearTimeout(timer);
      clearTimeout(checker);
      await working;
      await watch?.close();
    },
  };
};
