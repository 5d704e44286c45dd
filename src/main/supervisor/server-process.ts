import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Logger } from '../../kernel/logger.ts';
import type { ServerChild } from './loop.ts';
import { endOrphanServer, forgetServer, recordServer } from './server-record.ts';

export interface ServerProcessOptions {
  /** The script and its arguments. */
  readonly script: readonly string[];
  /** Asked at each start: Temporal's address may have become known since. */
  readonly env: () => Readonly<Record<string, string | undefined>>;
  /** Where the running server is noted. */
  readonly recordFile: string;
  /** Each line that it prints on stdout. */
  readonly print: (line: string) => void;
  readonly logger: Logger;
  /** How long it may take to end after it was asked. ms */
  readonly stopTimeoutMs: number;
}

/** `ready http://127.0.0.1:8080` */
const READY = /^ready (\S+)$/;

/**
 * Starts the server as a child with a channel (stdio `ipc`): when the supervisor is killed, the channel closes and the
 * server ends itself. A port that was picked at the first start is used again at later ones, so that clients find it.
 */
export const serverProcess = (options: ServerProcessOptions): (() => Promise<ServerChild>) => {
  let port: string | undefined;
  return async () => {
    await endOrphanServer(options.recordFile, options.logger, options.stopTimeoutMs);
    const env = { ...options.env(), ...(port === undefined ? {} : { CRUCIBLE_PORT: port }) };
    const child = spawn(process.execPath, [...process.execArgv, ...options.script], {
      env,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const exited = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.once('error', () => resolve(null));
    });
    const ready = Promise.withResolvers<void>();
    forEachLine(child.stdout, (line) => {
      const url = READY.exec(line)?.[1];
      if (url !== undefined) {
        port = new URL(url).port || port;
        ready.resolve();
      }
      options.print(line);
    });
    try {
      if (child.pid !== undefined) await recordServer(options.recordFile, child.pid);
    } catch (error) {
      // Nobody would know of it: it must not run on.
      child.kill('SIGKILL');
      throw error;
    }
    let killer: NodeJS.Timeout | undefined;
    const ended = exited.then(async (code) => {
      clearTimeout(killer);
      await forgetServer(options.recordFile);
      return code;
    });
    return {
      exited: ended,
      ready: ready.promise,
      stop() {
        child.kill('SIGTERM');
        killer ??= setTimeout(() => {
          options.logger.warn({ pid: child.pid }, 'the server does not end; killing it');
          child.kill('SIGKILL');
        }, options.stopTimeoutMs);
      },
      kill: () => void child.kill('SIGKILL'),
    };
  };
};

const forEachLine = (stream: Readable | null, each: (line: string) => void): void => {
  if (stream !== null) createInterface({ input: stream }).on('line', each);
};
