import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface DemoServer extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  /** Whether it was started for the demo alone. */
  readonly fresh: boolean;
}

const DEV = fileURLToPath(new URL('../../src/main/dev.ts', import.meta.url));

const isUp = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
};

/** The key that the running server keeps, or the one that was given to it. */
const keyOf = (env: NodeJS.ProcessEnv): string | undefined => {
  if (env['CRUCIBLE_API_KEY'] !== undefined) return env['CRUCIBLE_API_KEY'];
  const path = resolve(env['CRUCIBLE_DATA_DIR'] ?? '.crucible', 'admin.key');
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
};

/** The server at CRUCIBLE_URL (or the default address) when it runs, else a fresh one on free ports. */
export const demoServer = async (env: NodeJS.ProcessEnv): Promise<DemoServer> => {
  const url = env['CRUCIBLE_URL'] ?? `http://127.0.0.1:${env['CRUCIBLE_PORT'] ?? '8080'}`;
  if (await isUp(url)) {
    const key = keyOf(env);
    if (key === undefined) {
      throw new Error(
        `A server runs at ${url}, but its key is not known here: set CRUCIBLE_API_KEY or CRUCIBLE_DATA_DIR.`,
      );
    }
    return { url, key, fresh: false, [Symbol.asyncDispose]: async () => undefined };
  }
  if (env['CRUCIBLE_URL'] !== undefined) throw new Error(`No server answers at CRUCIBLE_URL (${url}).`);
  return startFresh(env);
};

const startFresh = async (env: NodeJS.ProcessEnv): Promise<DemoServer> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-demo-'));
  const child = spawn(process.execPath, [DEV], {
    env: {
      ...env,
      CRUCIBLE_DATA_DIR: dataDir,
      CRUCIBLE_PORT: '0',
      CRUCIBLE_TEMPORAL_PORT: '0',
      CRUCIBLE_TEMPORAL_UI_PORT: '0',
      CRUCIBLE_LOG_LEVEL: env['CRUCIBLE_LOG_LEVEL'] ?? 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const ready = new Promise<string>((done) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) done(line.slice('ready '.length));
    });
  });
  const url = await Promise.race([
    ready,
    exited.then(async (code) => {
      await rm(dataDir, { recursive: true, force: true });
      throw new Error(`The server ended with exit code ${code} before it was ready; its message is above.`);
    }),
  ]);
  return {
    url,
    key: env['CRUCIBLE_API_KEY'] ?? readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(),
    fresh: true,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};
