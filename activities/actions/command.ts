import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { askToEnd, endTree, MARKER } from './process-tree.ts';

export interface CommandRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Unlike any other's. */
  readonly marker: string;
}

interface Captured {
  readonly text: string;
  readonly truncated: boolean;
}

export type CommandResult =
  | {
      readonly kind: 'ended';
      /** Null: it died of `signal`. */
      readonly code: number | null;
      readonly signal: string | null;
      readonly stdout: Captured;
      readonly stderr: Captured;
      /** Whether something that it started was still there when it ended. */
      readonly leftBehind: boolean;
    }
  | { readonly kind: 'timeout'; readonly stdout: Captured; readonly stderr: Captured }
  | { readonly kind: 'aborted'; readonly stdout: Captured; readonly stderr: Captured }
  /** There is no such program, or it may not be started. */
  | { readonly kind: 'not_started'; readonly code: string };

const MAX_OUTPUT_BYTES = 64 * 1024;
/** Between the request to end and the end, ms: to remove a lock file, not to finish. */
const GRACE_MS = 500;
/** A pipe that a process of another user holds open is not waited for longer than this, ms. */
const DRAIN_MS = 500;

/** Keeps the first 64 KiB and lets the rest go by, so that the command is never held up by its own talk. */
const capture = (stream: Readable): (() => Captured) => {
  const chunks: Buffer[] = [];
  let size = 0;
  let truncated = false;
  stream.on('data', (chunk: Buffer) => {
    const room = MAX_OUTPUT_BYTES - size;
    if (chunk.length > room) truncated = true;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    size += Math.min(room, chunk.length);
  });
  return () => ({ text: new TextDecoder().decode(Buffer.concat(chunks), { stream: truncated }), truncated });
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown';

/**
 * Runs one program in a process group of its own. States: running -> ending -> drained.
 * Guarantee: when the promise settles, nothing of what was started is left (process-tree.ts), however it ended.
 */
export const runCommand = async (request: CommandRequest): Promise<CommandResult> => {
  let child;
  try {
    child = spawn(request.file, [...request.args], {
      cwd: request.cwd,
      env: { ...request.env, [MARKER]: request.marker },
      stdio: 'pipe',
      detached: true,
      shell: false,
      windowsHide: true,
    });
  } catch (error) {
    return { kind: 'not_started', code: codeOf(error) };
  }
  const stdout = capture(child.stdout);
  const stderr = capture(child.stderr);
  const exited = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  const closed = Promise.withResolvers<void>();
  const started = Promise.withResolvers<string | undefined>();
  child.once('spawn', () => started.resolve(undefined));
  child.once('error', (error) => started.resolve(codeOf(error)));
  child.once('exit', (code, signal) => exited.resolve({ code, signal }));
  child.once('close', () => closed.resolve());
  // A command need not read its input.
  child.stdin.on('error', () => undefined);

  const notStarted = await started.promise;
  if (notStarted !== undefined || child.pid === undefined)
    return { kind: 'not_started', code: notStarted ?? 'unknown' };
  const group = child.pid;
  child.stdin.end(request.stdin);

  let cutShort: 'timeout' | 'aborted' | undefined;
  let hardEnd: NodeJS.Timeout | undefined;
  const cut = (why: 'timeout' | 'aborted'): void => {
    if (cutShort !== undefined) return;
    cutShort = why;
    askToEnd(group);
    hardEnd = setTimeout(() => void child.kill('SIGKILL'), GRACE_MS);
  };
  const timer = setTimeout(() => cut('timeout'), request.timeoutMs);
  const onAbort = (): void => cut('aborted');
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (request.signal.aborted) onAbort();

  const { code, signal } = await exited.promise;
  clearTimeout(timer);
  clearTimeout(hardEnd);
  request.signal.removeEventListener('abort', onAbort);
  const leftBehind = (await endTree(group, request.marker)) > 0;
  const drained = setTimeout(() => {
    child.stdout.destroy();
    child.stderr.destroy();
  }, DRAIN_MS);
  await closed.promise;
  clearTimeout(drained);

  return cutShort === undefined
    ? { kind: 'ended', code, signal, stdout: stdout(), stderr: stderr(), leftBehind }
    : { kind: cutShort, stdout: stdout(), stderr: stderr() };
};
