import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAMS = {
  serve: fileURLToPath(new URL('../../src/main/serve.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../src/main/worker.ts', import.meta.url)),
};

/** The admin key of every server that tests start. */
export const TEST_KEY = 'test-admin-key-test-admin-key-0123456789';

export interface ServerOptions {
  readonly dataDir: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly env?: Readonly<Record<string, string>>;
  /** Default `serve`. */
  readonly program?: keyof typeof PROGRAMS;
  /** Given the process before it is ready. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything that it wrote on stderr so far. */
  readonly stderr: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. @returns the exit code */
  stop(): Promise<number | null>;
}

/** A real server in a process of its own: `await using server = await startServer(…)`. */
export const startServer = async (options: ServerOptions): Promise<TestServer> => {
  const script = PROGRAMS[options.program ?? 'serve'];
  const child = spawn(process.execPath, ['--no-node-snapshot', script, '--dev'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      CRUCIBLE_DATA_DIR: options.dataDir,
      CRUCIBLE_PORT: '0',
      CRUCIBLE_API_KEY: TEST_KEY,
      CRUCIBLE_LOG_LEVEL: 'warn',
      TEMPORAL_ADDRESS: options.temporal.address,
      TEMPORAL_NAMESPACE: options.temporal.namespace,
      ...(process.env['NODE_V8_COVERAGE'] !== undefined && {
        NODE_V8_COVERAGE: process.env['NODE_V8_COVERAGE'],
      }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onSpawn?.(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk.toString()}`.slice(-100_000);
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(line.slice('ready '.length));
    });
  });
  const url = await Promise.race([
    ready,
    exited.then(({ code }) => {
      throw new Error(`the server ended with ${code} before it was ready:\n${stderr}`);
    }),
  ]);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exited).code;
  };
  return {
    url,
    child,
    stderr: () => stderr,
    exited,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
};
