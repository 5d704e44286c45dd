import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { env } from 'node:process';

/** The SurrealDB server program for tests: what `CRUCIBLE_TEST_SURREAL` names, or `surreal` on the PATH. */
export const surrealBinary = (): string | undefined => {
  const named = env['CRUCIBLE_TEST_SURREAL'];
  const candidates =
    named === undefined ? (env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'surreal')) : [named];
  return candidates.find(isExecutable);
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** A SurrealDB server of our own, on disk, with synced commits. User and password are `root`. */
export interface SurrealServer extends AsyncDisposable {
  /** For `connect`. */
  readonly url: string;
  /** As a power cut would do it. */
  kill(): Promise<void>;
  /** Keeps its connections and answers nothing. */
  hang(): void;
  /** On the same port and the same data. */
  start(): Promise<void>;
}

export const startSurrealServer = async (binary: string): Promise<SurrealServer> => {
  const directory = mkdtempSync(join(tmpdir(), 'crucible-surreal-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(
      binary,
      [
        'start',
        '--no-banner',
        '--bind',
        `127.0.0.1:${port}`,
        '--user',
        'root',
        '--pass',
        'root',
        `surrealkv://${directory}/db`,
      ],
      { env: { ...env, SURREAL_DATASTORE_SYNC_DATA: 'every' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    await started(child);
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url: `ws://127.0.0.1:${port}/rpc`,
    kill,
    hang: () => void child?.kill('SIGSTOP'),
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

/** Waits for the line that says that it listens; whatever else it writes is given when it ends instead. */
const started = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = '';
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('Started web server')) resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`surreal ended with ${code}: ${output}`)));
  });

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
};
