import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface ProgramOptions {
  /** The working directory: where `crucible.yaml` is looked for and `.crucible` is made. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Who it runs as; only root may choose. */
  readonly uid?: number;
}

/** One of the product's programs in a process of its own, as a person would start it. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The code once its streams are closed too; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits for a line, on either stream, that no earlier wait has passed. Throws if it ends before it says so. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** The URL of the next `ready` line. */
  ready(): Promise<string>;
  /** Sends the signal and waits for the end. @returns the exit code */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts `src/main/dev.ts` (the supervisor, with free ports) or `src/main/serve.ts`. Of this process's environment it gets
 * nothing but the way to programs and caches.
 */
export const startProgram = (
  name: 'dev' | 'serve',
  { cwd, env, args = [], uid }: ProgramOptions,
): Program => {
  const script = fileURLToPath(new URL(`../../src/main/${name}.ts`, import.meta.url));
  const inherited = [
    'PATH',
    'HOME',
    'XDG_CACHE_HOME',
    'CRUCIBLE_TEMPORAL_BINARY',
    'NODE_V8_COVERAGE',
  ].flatMap((variable): [string, string][] => {
    const value = process.env[variable];
    return value === undefined ? [] : [[variable, value]];
  });
  const child = spawn(process.execPath, ['--no-node-snapshot', script, ...args], {
    cwd,
    env: {
      ...Object.fromEntries(inherited),
      CRUCIBLE_PORT: '0',
      CRUCIBLE_TEMPORAL_PORT: '0',
      CRUCIBLE_TEMPORAL_UI_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid }),
  });

  const lines: string[] = [];
  let wake = (): void => undefined;
  let ended = false;
  const collect = (stream: Readable): (() => string) => {
    const own: string[] = [];
    createInterface({ input: stream }).on('line', (line) => {
      own.push(line);
      lines.push(line);
      wake();
    });
    return () => own.join('\n');
  };
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      ended = true;
      wake();
      resolve(code);
    });
  });

  let passed = 0;
  const line = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      while (passed < lines.length) {
        const found = pattern.exec(lines[passed] ?? '');
        passed += 1;
        if (found !== null) return found;
      }
      if (ended) throw new Error(`it ended before it said ${String(pattern)}:\n${lines.join('\n')}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };

  return {
    child,
    exited,
    stdout,
    stderr,
    line,
    ready: async () => (await line(/^ready (http:\S+)$/))[1] ?? '',
    end,
    // In good order, so that what it manages ends with it.
    [Symbol.asyncDispose]: async () => void (await end('SIGTERM')),
  };
};
