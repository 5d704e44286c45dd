import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HookAction, HookDefinition } from '../../hooks/definition.ts';
import type { AttemptContext, Executor } from '../../src/dispatch/outcome.ts';
import type { Run } from '../../src/dispatch/run.ts';
import { createEgress } from '../../src/egress/create.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { createHookExecutor } from './index.ts';

let root: string;
let folder: string;
let outside: string;
let executor: Executor;
const sandbox = createSandbox({ logger: silentLogger });
const egress = createEgress({ policy: { allow: [], anyPortInAllowed: false }, logger: silentLogger });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'crucible-shell-'));
  folder = join(root, 'hooks');
  outside = join(root, 'outside');
  await mkdir(folder);
  await mkdir(outside);
  executor = createHookExecutor({
    egress,
    sandbox,
    clock: systemClock,
    version: '1.2.3',
    targetOf: () => ({ enabled: true }),
    readSecret: (name) => (name === 'TOKEN' ? 'shell-secret' : undefined),
    emit: async () => [],
    environment: {
      PATH: process.env['PATH'],
      HOME: '/home/someone',
      CRUCIBLE_API_KEY: 'must-not-be-seen',
      LD_PRELOAD: '/x.so',
    },
    hookDirs: [join(root, 'absent'), folder],
  });
});
afterAll(async () => {
  await Promise.all([sandbox.close(), egress.close()]);
  await rm(root, { recursive: true, force: true });
});

const eventWith = (payload: JsonObject): CrucibleEvent => ({
  id: 'evt_01890a5d-ac96-774b-bcce-b302099a8057',
  type: 'file.modified',
  version: '1.0.0',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: null,
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
  world: 'main',
  room: null,
  payload,
  position: 12,
  timestamp: '2026-01-02T03:04:05.678Z',
});

const shell = (
  action: Partial<HookAction & { type: 'shell' }>,
  payload: JsonObject = {},
  more: Partial<AttemptContext> & { timeoutMs?: number } = {},
) => {
  const hook: HookDefinition = {
    name: 'sh',
    description: '',
    version: '1.0.0',
    enabled: true,
    worlds: ['main'],
    trigger: { timing: 'post', phase: 'validate', order: 100, events: [] },
    condition: { timeout_ms: 1_000 },
    action: { type: 'shell', cwd: folder, ...action },
    permissions: [],
    options: {
      timeout_ms: more.timeoutMs ?? 20_000,
      retry: { max_attempts: 1, backoff: 'fixed', initial_ms: 1, max_ms: 1 },
      async: true,
      trace: false,
    },
    tests: [],
    documentation: '',
  };
  return executor.execute({
    run: { id: 'run_x', generation: 0, correlation_id: 'cor_1', world: 'main', key: null } as Run,
    event: eventWith(payload),
    definition: hook as unknown as JsonObject,
    attempt: 1,
    idempotencyKey: 'run_x.0',
    deadline: Date.now() + 60_000,
    signal: new AbortController().signal,
    ...more,
  });
};

const stdoutOf = ({ stdout }: JsonObject): string => {
  if (typeof stdout !== 'string') throw new Error('no stdout was kept');
  return stdout;
};

const NASTY = [
  '$(touch pwned)',
  '`touch pwned`',
  '; touch pwned',
  '| touch pwned',
  '&& touch pwned',
  "' touch pwned",
  '" $(touch pwned) "',
  '*',
  '~',
  '$HOME',
  'a\nb',
  'ü 🙂 \\n',
  '%s',
  '',
  ' ',
];

describe('a command', () => {
  it.each(NASTY)('gets %j as one argument, as it is', async (text) => {
    const outcome = await shell(
      { command: ['printf', '[%s]', '{{event.payload.text}}', 'x{{event.payload.text}}x'] },
      { text },
    );
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      detail: { stdout: `[${text}][x${text}x]`, exit_code: 0 },
    });
    await expect(readFile(join(folder, 'pwned'))).rejects.toThrow('ENOENT');
  });

  it.each([['-rf'], ['--upload-pack=x'], ['-']])('is not given %s for an option', async (text) => {
    const outcome = await shell({ command: ['printf', '{{event.payload.text}}'] }, { text });
    expect(outcome).toMatchObject({
      kind: 'failed',
      code: 'bad_argument',
      message: expect.stringContaining('write "--" before it') as string,
    });
    expect(
      await shell({ command: ['printf', '--', '%s', '{{event.payload.text}}'] }, { text }),
    ).toMatchObject({ kind: 'succeeded', detail: { stdout: text } });
    expect(await shell({ command: ['printf', '%s', 'v{{event.payload.text}}'] }, { text })).toMatchObject({
      kind: 'succeeded',
    });
  });

  it('is refused with a NUL, an argument that is too long, or no program', async () => {
    const one = (text: string) => shell({ command: ['printf', '{{event.payload.text}}'] }, { text });
    expect(await one('a\0b')).toMatchObject({
      kind: 'failed',
      code: 'bad_argument',
      message: expect.stringContaining('NUL') as string,
    });
    expect(await one('x'.repeat(200_000))).toMatchObject({ kind: 'failed', code: 'bad_argument' });
    expect(await shell({ command: ['{{event.payload.text}}'] }, { text: '' })).toMatchObject({
      kind: 'failed',
      code: 'bad_argument',
    });
    expect(await shell({ command: ['no-such-program-here'] })).toMatchObject({
      kind: 'failed',
      code: 'not_started',
      message: 'The command could not be started (ENOENT)',
    });
  });

  it.each([
    ['exit 0', { kind: 'succeeded' }],
    ['echo \'{"output":{"a":1}}\'', { kind: 'succeeded', output: { a: 1 } }],
    ['echo \'{"decision":"deny","reason":"no"}\'', { kind: 'denied', reason: 'no' }],
    ['echo \'{"decision":5}\'', { kind: 'failed', code: 'bad_answer' }],
    ['echo "{ just talk"', { kind: 'succeeded', detail: { stdout: '{ just talk\n' } }],
    ['echo no cats >&2; exit 2', { kind: 'denied', reason: 'no cats' }],
    ['exit 2', { kind: 'denied', reason: 'the command gave no reason (exit 2)' }],
    [
      'echo oh >&2; exit 1',
      { kind: 'retryable', code: 'exit_1', message: 'The command ended with exit code 1: oh' },
    ],
    ['no-such-program', { kind: 'retryable', code: 'exit_127' }],
    ['kill -9 $$', { kind: 'retryable', code: 'signal_SIGKILL', message: 'The command died of SIGKILL' }],
  ])('by sh: %s', async (script, outcome) => {
    expect(await shell({ shell: script })).toMatchObject(outcome);
  });

  it('sees its event and run, and nothing of the server', async () => {
    const payload = {
      path: 'a b',
      n: 3,
      ok: true,
      list: [1],
      'odd-key': 'x',
      text: '$(touch pwned)',
      nul: 'a\0b',
    };
    const outcome = await shell(
      { command: ['env'], env: { OWN: '{{event.payload.path}}', SECRET: '{{secrets.TOKEN}}' } },
      payload,
    );
    const stdout = stdoutOf(outcome.detail);
    const names = stdout.split('\n').flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
    expect(names.filter((name) => !name.startsWith('CRUCIBLE_')).sort()).toEqual([
      'HOME',
      'OWN',
      'PATH',
      'SECRET',
    ]);
    for (const line of [
      'CRUCIBLE_EVENT_ID=evt_01890a5d-ac96-774b-bcce-b302099a8057',
      'CRUCIBLE_EVENT_TYPE=file.modified',
      'CRUCIBLE_EVENT_PAYLOAD_PATH=a b',
      'CRUCIBLE_EVENT_PAYLOAD_N=3',
      'CRUCIBLE_EVENT_PAYLOAD_OK=true',
      'CRUCIBLE_EVENT_PAYLOAD_TEXT=$(touch pwned)',
      'CRUCIBLE_RUN_ID=run_x',
      'OWN=a b',
      'SECRET=[secret TOKEN]',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    expect(names).not.toContain('CRUCIBLE_EVENT_PAYLOAD_NUL');
    expect(stdout).not.toContain('must-not-be-seen');
    expect(stdout).not.toContain('shell-secret');
  });

  it('reads the protocol on stdin, or does not', async () => {
    const outcome = await shell({ command: ['cat'] }, { big: 'x'.repeat(30_000) });
    expect(JSON.parse(stdoutOf(outcome.detail))).toMatchObject({
      event: { type: 'file.modified' },
      run_id: 'run_x',
    });
    expect(await shell({ command: ['true'] }, { big: 'x'.repeat(3_000_000) })).toMatchObject({
      kind: 'succeeded',
    });
  });

  it('has its output capped and is not held up by it', async () => {
    const outcome = await shell({
      shell: 'head -c 5000000 /dev/zero | tr "\\0" x; head -c 5000000 /dev/zero | tr "\\0" y >&2; exit 3',
    });
    expect(outcome).toMatchObject({
      kind: 'retryable',
      code: 'exit_3',
      detail: { truncated: true, stdout: 'x'.repeat(65_536), stderr: 'y'.repeat(65_536) },
    });
  });

  it('works in its folder, and in no folder outside of the hook directories', async () => {
    expect(await shell({ command: ['pwd', '-P'] })).toMatchObject({
      detail: { stdout: expect.stringMatching(/hooks\n$/) as string },
    });
    const link = join(folder, 'link');
    await symlink(outside, link);
    for (const cwd of [outside, link, join(folder, '..'), '/', join(folder, 'gone')]) {
      expect(await shell({ command: ['touch', 'here'], cwd })).toMatchObject({
        kind: 'failed',
        code: 'bad_directory',
      });
    }
    await expect(readFile(join(outside, 'here'))).rejects.toThrow('ENOENT');
  });

  it('has programs of its own folder', async () => {
    await writeFile(join(folder, 'own.sh'), '#!/bin/sh\necho own "$1"\n', { mode: 0o755 });
    expect(await shell({ command: ['./own.sh', 'x'] })).toMatchObject({
      kind: 'succeeded',
      detail: { stdout: 'own x\n' },
    });
  });
});

describe.runIf(process.platform === 'linux')('nothing is left running', () => {
  /** Whether the process is there: a zombie, which only its new parent can clear away, is not running. */
  const running = (pid: number): boolean => {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
  };
  const pidIn = async (file: string): Promise<number> => {
    const pid = Number((await readFile(join(folder, file), 'utf8')).trim());
    expect(pid).toBeGreaterThan(1);
    return pid;
  };
  /** Says its pid when it is there; the command waits for that, so that there is something to leave behind. */
  const daemon = (file: string) => `sh -c 'echo $$ > ${file}.tmp; mv ${file}.tmp ${file}; exec sleep 1000'`;
  const wait = (file: string) => `while [ ! -f ${file} ]; do sleep 0.01; done`;

  it.each([
    ['a child in the background', (file: string) => `${daemon(file)} & ${wait(file)}`],
    [
      'a daemon in its own session',
      (file: string) => `setsid ${daemon(file)} >/dev/null 2>&1 & ${wait(file)}`,
    ],
    [
      'a double fork',
      (file: string) =>
        `(setsid sh -c "${daemon(file).replaceAll('$', '\\$')} &" >/dev/null 2>&1 &) ; ${wait(file)}`,
    ],
    ['one that ignores signals', (file: string) => `(trap '' TERM HUP INT; ${daemon(file)}) & ${wait(file)}`],
  ])('of %s, when the command ends', async (name, script) => {
    const file = `${name.replaceAll(' ', '-')}.pid`;
    const outcome = await shell({ shell: `${script(file)}; exit 0` });
    expect(outcome).toMatchObject({ kind: 'succeeded', detail: { left_behind: true } });
    expect(running(await pidIn(file))).toBe(false);
  });

  it('at the time-out, however deep', async () => {
    const outcome = await shell(
      {
        shell: `trap '' TERM; echo began; setsid ${daemon('deep.pid')} & ${wait('deep.pid')}; while :; do sleep 1; done`,
      },
      {},
      { timeoutMs: 3_000 },
    );
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'timeout', detail: { stdout: 'began\n' } });
    expect(running(await pidIn('deep.pid'))).toBe(false);
  });

  it('when the attempt is called off', async () => {
    const controller = new AbortController();
    const outcome = shell(
      { shell: `${daemon('off.pid')} & ${wait('off.pid')}; touch off.ready; wait` },
      {},
      { signal: controller.signal },
    );
    const ready = join(folder, 'off.ready');
    await expect
      .poll(
        () =>
          readFile(ready).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    controller.abort();
    expect(await outcome).toMatchObject({ kind: 'retryable', code: 'aborted' });
    expect(running(await pidIn('off.pid'))).toBe(false);
  });
});
