import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { sep } from 'node:path';
import type { HookAction } from '../../hooks/definition.ts';
import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { CompiledTemplate } from '../../src/events/template.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import { actionInput } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { outcomeOfAnswer } from './answer.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import type { SecretReader } from './secrets.ts';
import { shellEnvironment } from './shell-environment.ts';

export interface ShellDeps {
  /** The environment of the server, of which a command sees a few variables (shell-environment.ts). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where hook files live; a command of theirs works nowhere else. Absolute. */
  readonly hookDirs: readonly string[];
}

/** A shell action with its templates compiled. */
export interface ShellTemplates {
  readonly action: HookAction & { type: 'shell' };
  readonly command: readonly { readonly written: string; readonly template: CompiledTemplate }[];
  readonly env: CompiledTemplate;
}

const MAX_REASON_LENGTH = 2_000;
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

/** These pass when the machine has room again. */
const MAY_PASS = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

const textOf = (value: JsonValue): string =>
  typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);

const failed = (code: string, message: string): ActionOutcome => ({
  kind: 'failed',
  code,
  message,
  detail: {},
});

/** Each template is one argument, whatever is in it. What a program could take for an option is refused: @returns why. */
const renderArguments = (run: ActionRun, { command }: ShellTemplates): readonly string[] | string => {
  const rendered = command.map(({ template }) => textOf(template.render(run.scope)));
  for (const [index, argument] of rendered.entries()) {
    const where = `argument ${index} of the command`;
    if (argument.includes('\0')) return `${where} holds a NUL character`;
    if (Buffer.byteLength(argument) > MAX_ARGUMENT_BYTES)
      return `${where} is longer than ${MAX_ARGUMENT_BYTES} bytes`;
    const fromEvent = command[index]?.written.startsWith('{{') === true;
    const optionsOver = command.slice(0, index).some(({ written }) => written === '--');
    if (fromEvent && argument.startsWith('-') && !optionsOver) {
      return `${where} comes from a template and begins with "-", so the program may take it for an option; write "--" before it`;
    }
  }
  if (rendered[0] === undefined || rendered[0] === '') return 'the command has no program';
  return rendered;
};

const renderEnv = (run: ActionRun, { env }: ShellTemplates): Record<string, string> | string => {
  const entries = Object.entries(env.render(run.scope) as JsonObject).map(
    ([name, value]) => [name, textOf(value)] as const,
  );
  for (const [name, value] of entries) {
    if (value.includes('\0')) return `the variable ${name} holds a NUL character`;
    if (Buffer.byteLength(value) > MAX_ARGUMENT_BYTES)
      return `the variable ${name} is longer than ${MAX_ARGUMENT_BYTES} bytes`;
  }
  return Object.fromEntries(entries);
};

/** Looked at again for each run: a folder may have become a link to elsewhere since the hook was read. */
const workingDirectory = async (
  cwd: string | undefined,
  hookDirs: readonly string[],
): Promise<string | undefined> => {
  if (cwd === undefined) return tmpdir();
  try {
    const [real, ...roots] = await Promise.all([
      realpath(cwd),
      ...hookDirs.map((dir) => realpath(dir).catch(() => undefined)),
    ]);
    return roots.some((root) => root !== undefined && (real === root || real.startsWith(root + sep)))
      ? real
      : undefined;
  } catch {
    return undefined;
  }
};

/** The JSON answer on stdout, if there is one: a command may also just talk. */
const answerOn = (stdout: { text: string; truncated: boolean }): JsonValue => {
  const text = stdout.text.trim();
  if (stdout.truncated || !text.startsWith('{')) return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON after all; it stands in the detail as it came.
    return null;
  }
};

const outcomeOf = (result: CommandResult, timeoutMs: number, secrets: SecretReader): ActionOutcome => {
  if (result.kind === 'not_started') {
    const message = `The command could not be started (${result.code})`;
    return MAY_PASS.has(result.code)
      ? { kind: 'retryable', code: 'not_started', message, ours: true, detail: {} }
      : { kind: 'failed', code: 'not_started', message, detail: {} };
  }
  const stdout = secrets.redact(result.stdout.text, result.stdout.truncated).toWellFormed();
  const stderr = secrets.redact(result.stderr.text, result.stderr.truncated).toWellFormed();
  const said: JsonObject = { stdout, stderr, truncated: result.stdout.truncated || result.stderr.truncated };
  if (result.kind === 'timeout') {
    return {
      kind: 'retryable',
      code: 'timeout',
      message: `The command did not end within ${timeoutMs} ms`,
      detail: said,
    };
  }
  if (result.kind === 'aborted') {
    return { kind: 'retryable', code: 'aborted', message: 'The command was called off', detail: said };
  }
  const detail: JsonObject = {
    ...said,
    exit_code: result.code,
    ...(result.signal === null ? {} : { signal: result.signal }),
    ...(result.leftBehind ? { left_behind: true } : {}),
  };
  const reason = stderr.trim().slice(0, MAX_REASON_LENGTH);
  if (result.code === 0) return outcomeOfAnswer(answerOn(result.stdout), detail);
  if (result.code === 2)
    return { kind: 'denied', reason: reason === '' ? 'the command gave no reason (exit 2)' : reason, detail };
  const code = result.code === null ? `signal_${result.signal ?? 'unknown'}` : `exit_${result.code}`;
  const how =
    result.code === null ? `died of ${result.signal ?? 'a signal'}` : `ended with exit code ${result.code}`;
  return {
    kind: 'retryable',
    code,
    message: `The command ${how}${reason === '' ? '' : `: ${reason}`}`,
    detail,
  };
};

/** @throws TemplateError */
export const runShellAction = async (
  run: ActionRun,
  templates: ShellTemplates,
  deps: ShellDeps,
): Promise<ActionOutcome> => {
  const { action } = templates;
  const command =
    action.shell === undefined ? renderArguments(run, templates) : ['/bin/sh', '-c', action.shell];
  if (typeof command === 'string') return failed('bad_argument', `The command was not run: ${command}`);
  const own = renderEnv(run, templates);
  if (typeof own === 'string') return failed('bad_argument', `The command was not run: ${own}`);
  const cwd = await workingDirectory(action.cwd, deps.hookDirs);
  if (cwd === undefined) {
    return failed(
      'bad_directory',
      'The command was not run: its working directory is gone, or outside of the hook directories',
    );
  }
  const [file = '', ...args] = command;
  const timeoutMs = Math.min(run.hook.options.timeout_ms, run.timeLeftMs());
  const result = await runCommand({
    file,
    args,
    cwd,
    env: shellEnvironment(run, own, deps.environment),
    stdin: JSON.stringify(actionInput(run, null)),
    timeoutMs,
    signal: run.context.signal,
    marker: randomUUID(),
  });
  return outcomeOf(result, timeoutMs, run.secrets);
};
