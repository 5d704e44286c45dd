/**
 * Keeps the registered hooks equal to the files of the hook directories.
 *
 *   opening --ready--> settled --a file changes--> waiting --quiet for settleMs--> working --done--> settled
 *                                                                                   |  a change meanwhile -> waiting
 *                                                                                   +- the log fails      -> waiting, longer
 *   any --close--> closed, after the work under way
 *
 * Work is always the same: read the files that changed, plan over all of them, do what the plan says. A changed file is
 * parsed and judged before it replaces anything.
 */
import { mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import { withOrigin } from '../../src/kernel/context.ts';
import { messageOf, type Issue } from '../../src/kernel/errors.ts';
import { contentHash } from '../../src/kernel/hash.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { isMissing } from '../file/inside.ts';
import { reason } from '../file/script-file.ts';
import { errorsAsJson } from '../registry/row.ts';
import { formatIssue } from '../validate.ts';
import type { FileHooks } from './file-hooks.ts';
import { createKnownFiles, rootOf } from './known-files.ts';
import { planHooks, type Plan } from './plan.ts';
import { isHookFile, isPassedOver, listHookFiles } from './scan.ts';

export interface HookDirectoryDeps {
  /** Absolute; made where they are missing. */
  readonly dirs: readonly string[];
  readonly hooks: FileHooks;
  /** Of the events that changes of files lead to; a new story each time. */
  readonly systemOrigin: () => Origin;
  readonly logger: Logger;
  /** How long a file must not grow before it counts as written, ms. Default 100. */
  readonly writeFinishMs?: number;
  /** How long nothing more must change before the changes are acted on together, ms. Default 50. */
  readonly settleMs?: number;
  /** How long after a failure of the log the changes are tried again, ms; twice as long each time, up to 30 s. Default 1,000. */
  readonly retryMs?: number;
}

export interface HookDirectory {
  /** The files that were there at the start are registered, and changes are seen. Rejects with what kept it from that. */
  ready(): Promise<void>;
  /** What is wrong with each file that is wrong, by its name relative to its hook directory. */
  problems(): ReadonlyMap<string, readonly Issue[]>;
  /** Calls `listener` after each time that changes were acted on. @returns ends it */
  onSettled(listener: () => void): () => void;
  close(): Promise<void>;
}

const LONGEST_RETRY_MS = 30_000;

export const createHookDirectory = (deps: HookDirectoryDeps): HookDirectory => {
  const { hooks } = deps;
  const settleMs = deps.settleMs ?? 50;
  const logger = deps.logger.child({ component: 'hooks' });
  const dirty = new Set<string>();
  const told = new Map<string, string>();
  const listeners = new Set<() => void>();
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  let roots: readonly string[] = [];
  let known = createKnownFiles(roots, hooks);
  let problems: Plan['problems'] = new Map();
  /** False: a directory could not be read, so that a hook whose file we do not see may have one. */
  let complete = true;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const firstRetryMs = deps.retryMs ?? 1_000;
  let retryMs = firstRetryMs;
  let working: Promise<void> = Promise.resolve();

  const act = async (paths: ReadonlySet<string>): Promise<void> => {
    const rows = await hooks.storedHooks();
    await known.refresh(paths, rows);
    const plan = planHooks(known.files(), rows, complete);
    problems = plan.problems;
    for (const { hook, file } of plan.register) {
      await hooks.registerFile(hook, file);
      logger.info({ hook: hook.definition.name, file, hash: hook.hash }, 'hook registered');
    }
    for (const name of plan.unregister) {
      await hooks.unregisterFile(name);
      logger.info({ hook: name }, 'hook unregistered: its file is gone');
    }
    for (const { file, hook, issues } of plan.report) await tell(file, hook, issues);
    for (const file of told.keys()) if (!plan.problems.has(file)) told.delete(file);
  };

  /** A problem is told once, however often it is met: on the hook's row if it has one, else we remember it ourselves. */
  const tell = async (file: string, hook: string | undefined, issues: readonly Issue[]): Promise<void> => {
    const fingerprint = contentHash(errorsAsJson(issues));
    if (hook === undefined && told.get(file) === fingerprint) return;
    await hooks.reportFile(file, hook, issues);
    if (issues.length === 0) return;
    told.set(file, fingerprint);
    const problem =
      hook === undefined ? 'hook file refused' : 'hook file refused; its last good version runs on';
    logger.error({ file, hook, issues: issues.map((issue) => formatIssue(file, issue)) }, problem);
  };

  const work = async (): Promise<void> => {
    const paths = new Set(dirty);
    dirty.clear();
    try {
      await withOrigin(deps.systemOrigin(), async () => {
        await act(paths);
        for (const root of roots) await watchAgain(root);
      });
      retryMs = firstRetryMs;
    } catch (error) {
      for (const each of paths) dirty.add(each);
      logger.error({ retryMs }, `changes of hook files could not be acted on: ${messageOf(error)}`);
      schedule(retryMs);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      return;
    }
    for (const listener of listeners) listener();
  };

  const schedule = (afterMs: number): void => {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      working = working.then(() => (closed ? undefined : work()));
    }, afterMs);
  };

  const changed = (absolute: string): void => {
    const root = rootOf(roots, absolute);
    if (root === undefined) return;
    if (isHookFile(path.relative(root, absolute))) dirty.add(absolute);
    // A script, or whatever else a hook file depends on.
    for (const file of known.dependents(absolute)) dirty.add(file);
    if (dirty.size > 0) schedule(settleMs);
  };

  const open = async (): Promise<void> => {
    roots = await Promise.all(
      deps.dirs.map(async (dir) => {
        await mkdir(dir, { recursive: true });
        return realpath(dir);
      }),
    );
    known = createKnownFiles(roots, hooks);
    await Promise.all(roots.map(startWatching));
    for (const root of roots) await findFiles(root);
    const paths = new Set(dirty);
    dirty.clear();
    await withOrigin(deps.systemOrigin(), () => act(paths));
  };

  const findFiles = async (root: string): Promise<void> => {
    try {
      for (const file of await listHookFiles(root)) dirty.add(path.join(root, file));
    } catch (error) {
      complete = false;
      logger.error(
        { error: reason(error) },
        'a hook directory cannot be read; hooks without a file stay as they are',
      );
    }
  };

  const startWatching = async (root: string): Promise<void> => {
    const watcher = watch(root, {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (each) => isPassedOver(path.relative(root, each)),
      awaitWriteFinish: { stabilityThreshold: deps.writeFinishMs ?? 100, pollInterval: 20 },
    });
    // Listened for before anything is awaited: the watcher tells it once.
    const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
    watchers.set(root, { watcher, identity: await identityOf(root) });
    watcher.on('add', changed).on('change', changed).on('unlink', changed);
    // Not only what was watched may be gone, but the watch with it: `work` looks.
    watcher.on('unlinkDir', () => schedule(settleMs));
    watcher.on('error', (error) =>
      logger.error({}, `watching the hook directory failed: ${messageOf(error)}`),
    );
    await ready;
  };

  /** A directory that is deleted takes its watch with it; it is made again, so that files in it are seen again. */
  const watchAgain = async (root: string): Promise<void> => {
    const watched = watchers.get(root);
    if (closed || watched?.identity === (await identityOf(root))) return;
    await watched?.watcher.close();
    await mkdir(root, { recursive: true });
    await startWatching(root);
    await findFiles(root);
    for (const file of known.within(root)) dirty.add(file);
    logger.warn({}, 'a hook directory was deleted; it has been made again and is watched');
    schedule(settleMs);
  };

  const opened = open();
  // Whoever asks for `ready` gets the error; until then it must not end the process as unhandled.
  opened.catch(() => undefined);
  working = opened.catch(() => undefined);

  return {
    ready: () => opened,
    problems: () => problems,
    onSettled: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await opened.catch(() => undefined);
      await working;
      await Promise.all([...watchers.values()].map(({ watcher }) => watcher.close()));
    },
  };
};

/** What tells a directory from another one at the same place. */
const identityOf = async (root: string): Promise<string> => {
  try {
    const { dev, ino, birthtimeMs } = await stat(root);
    return `${dev}:${ino}:${birthtimeMs}`;
  } catch (error) {
    if (isMissing(error)) return 'none';
    throw error;
  }
};
