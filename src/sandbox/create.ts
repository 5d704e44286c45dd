import { messageOf } from '../kernel/errors.ts';
import type { Issue } from '../kernel/errors.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import { LIMITS, LIMIT_MESSAGES } from './limits.ts';
import type { LimitName } from './limits.ts';
import { createPool } from './pool.ts';
import type { FromRunner, RunOutcome } from './protocol.ts';
import { startRunner } from './runner-process.ts';
import type { Sandbox, ScriptRequest, ScriptResult } from './sandbox.ts';

export interface SandboxDeps {
  readonly logger: Logger;
  /** How many runner processes at most, each with one script at a time. Default 2. */
  readonly runners?: number;
  /** The Node that runs them. Default: the one that runs this. */
  readonly nodePath?: string;
}

const CAPABILITY_NAME = /^[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*){0,3}$/;
/** To compile a script takes milliseconds; this only bounds a runner that hangs. */
const CHECK_TIMEOUT_MS = 5_000;

/** A file name for messages: no folders, nothing that would look like a place in a stack. */
const scriptName = (name: string): string =>
  name
    .replace(/^.*[/\\]/, '')
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 100) || 'script.js';

const limitValue = (limit: LimitName, request: ScriptRequest): number => {
  switch (limit) {
    case 'timeout':
      return request.timeoutMs;
    case 'cpu':
      return request.cpuMs ?? LIMITS.cpuMs;
    case 'memory':
      return request.memoryMb ?? LIMITS.memoryMb;
    case 'source_size':
      return LIMITS.sourceLength;
    case 'input_size':
      return LIMITS.inputLength;
    case 'result_size':
      return LIMITS.resultLength;
    case 'log_size':
      return LIMITS.logLength;
  }
};

/** The answer of a capability as the script's side reads it. Never rejects: an error is an answer. */
const replyOf = async (request: ScriptRequest, name: string, args: string): Promise<string> => {
  // A runner is not trusted: what was not granted is not there, whatever it asks for.
  const capability = Object.hasOwn(request.capabilities, name) ? request.capabilities[name] : undefined;
  if (capability === undefined)
    return JSON.stringify({ ok: false, message: `crucible.${name} is not available` });
  try {
    if (args.length > LIMITS.callLength) throw new Error('the arguments are too large');
    const parsed: unknown = JSON.parse(args);
    if (!Array.isArray(parsed)) throw new Error('the arguments are no list');
    const value = await capability(parsed as JsonValue[]);
    const reply = JSON.stringify({ ok: true, value });
    if (reply.length > LIMITS.callLength) throw new Error('the answer is too large');
    return reply;
  } catch (error) {
    return JSON.stringify({
      ok: false,
      message: `crucible.${name}: ${messageOf(error)}`.slice(0, LIMITS.messageLength),
    });
  }
};

/**
 * Runs untrusted scripts in runner processes. Guarantees: a script has no way to this process but the capabilities of
 * its own request, as JSON; what one script does never costs another its run; whatever a script does, its run ends at
 * its time-out, and the next script finds a runner.
 */
export const createSandbox = (deps: SandboxDeps): Sandbox => {
  const { logger } = deps;
  const nodePath = deps.nodePath ?? process.execPath;
  const pool = createPool(Math.max(1, deps.runners ?? 2), () => startRunner({ nodePath, logger }));
  let jobs = 0;

  const exceeded = (limit: LimitName, request: ScriptRequest, log: readonly string[]): ScriptResult => ({
    kind: 'exceeded',
    limit,
    message: LIMIT_MESSAGES[limit](limitValue(limit, request)),
    log,
  });

  const resultOf = (outcome: RunOutcome, request: ScriptRequest, log: readonly string[]): ScriptResult => {
    switch (outcome.kind) {
      case 'returned':
        if (outcome.value.length > LIMITS.resultLength) return exceeded('result_size', request, log);
        return { kind: 'returned', value: JSON.parse(outcome.value) as JsonValue, log, cpuMs: outcome.cpuMs };
      case 'threw':
        return { kind: 'threw', message: outcome.message.slice(0, LIMITS.messageLength), log };
      case 'exceeded':
        return exceeded(outcome.limit, request, log);
    }
  };

  const run = async (request: ScriptRequest): Promise<ScriptResult> => {
    const names = Object.keys(request.capabilities);
    const odd = names.find((name) => !CAPABILITY_NAME.test(name));
    if (odd !== undefined) throw new Error(`not a capability name: ${odd}`);
    if (request.source.length > LIMITS.sourceLength) return exceeded('source_size', request, []);
    const input = JSON.stringify(request.input);
    if (input.length > LIMITS.inputLength) return exceeded('input_size', request, []);

    const lease = await pool.acquire(request.signal).catch((error: unknown) => messageOf(error));
    if (typeof lease === 'string') return { kind: 'lost', message: `The script was not run: ${lease}` };

    jobs += 1;
    const job = jobs;
    const log: string[] = [];
    return new Promise<ScriptResult>((resolve) => {
      let ended = false;
      /** `reusable`: the runner did no wrong and is idle again. */
      const end = (result: ScriptResult, reusable: boolean): void => {
        if (ended) return;
        ended = true;
        clearTimeout(timer);
        request.signal?.removeEventListener('abort', onAbort);
        lease.runner.end();
        if (reusable) lease.free();
        else lease.discard();
        resolve(result);
      };
      const onAbort = (): void => end({ kind: 'lost', message: 'The script was called off' }, false);
      const timer = setTimeout(() => end(exceeded('timeout', request, log), false), request.timeoutMs);
      request.signal?.addEventListener('abort', onAbort, { once: true });

      const answer = async (name: string, args: string, call: number): Promise<void> => {
        const reply = await replyOf(request, name, args);
        if (!ended) lease.runner.reply({ type: 'reply', job, call, reply });
      };

      const hear = (message: FromRunner): void => {
        if (message.type === 'ready' || message.job !== job) return;
        switch (message.type) {
          case 'log':
            // Counted where it is made; counted again because that side is not trusted.
            if (log.length < LIMITS.logLines) log.push(message.line.slice(0, LIMITS.logLineLength));
            break;
          case 'call':
            void answer(message.name, message.args, message.call);
            break;
          case 'done': {
            const result = resultOf(message.outcome, request, log);
            end(result, result.kind !== 'exceeded');
            break;
          }
          case 'checked':
            break;
        }
      };
      lease.runner.begin(
        {
          type: 'run',
          job,
          source: request.source,
          name: scriptName(request.name),
          input,
          capabilities: names,
          cpuMs: request.cpuMs ?? LIMITS.cpuMs,
          memoryMb: request.memoryMb ?? LIMITS.memoryMb,
        },
        {
          message: hear,
          gone: ({ message, outOfMemory }) =>
            end(
              outOfMemory
                ? exceeded('memory', request, log)
                : { kind: 'lost', message: `The script was lost: ${message}` },
              false,
            ),
        },
      );
      // It may have been called off while it waited for its runner.
      if (request.signal?.aborted === true) onAbort();
    });
  };

  const check = async (source: string, name: string): Promise<readonly Issue[]> => {
    if (source.length > LIMITS.sourceLength)
      return [{ path: '', message: LIMIT_MESSAGES.source_size(LIMITS.sourceLength) }];
    const lease = await pool.acquire(undefined);
    jobs += 1;
    const job = jobs;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        lease.runner.end();
        lease.discard();
        resolve([{ path: '', message: `The script could not be compiled within ${CHECK_TIMEOUT_MS} ms` }]);
      }, CHECK_TIMEOUT_MS);
      lease.runner.begin(
        { type: 'check', job, source, name: scriptName(name) },
        {
          message(message) {
            if (message.type !== 'checked' || message.job !== job) return;
            clearTimeout(timer);
            lease.runner.end();
            lease.free();
            resolve(message.issues);
          },
          gone({ message }) {
            clearTimeout(timer);
            lease.discard();
            reject(new Error(`The script could not be checked: ${message}`));
          },
        },
      );
    });
  };

  return { run, check, close: () => pool.close() };
};
