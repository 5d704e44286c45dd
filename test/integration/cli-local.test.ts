import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer } from 'node:net';
import { cliIn, type Cli } from '../support/cli.ts';
import { AUDIENCE, startIssuer } from '../support/issuer.ts';

/** Commands that need no server. */

let cwd: string;
let cli: Cli;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'crucible-cli-'));
  cli = cliIn(cwd);
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

describe('crucible config', () => {
  it('tells what holds and why, without secrets', async () => {
    await writeFile(join(cwd, 'crucible.yaml'), 'port: 9000\nsurreal_pass: hunter2\n');
    const { code, stdout } = await cliIn(cwd, { CRUCIBLE_LOG_LEVEL: 'warn' })([
      'config',
      '--data-dir',
      'elsewhere',
      '--dispatch-pack-max',
      '5',
      '-o',
      'json',
    ]);
    expect(code).toBe(0);
    expect(stdout).not.toContain('hunter2');
    const { data } = JSON.parse(stdout) as { data: { setting: string; value: unknown; origin: string }[] };
    const of = (name: string) => data.find(({ setting }) => setting === name);
    expect(of('port')).toMatchObject({ value: 9000, origin: 'file' });
    expect(of('surreal_pass')).toMatchObject({ value: '(hidden)', origin: 'file' });
    expect(of('log_level')).toMatchObject({ value: 'warn', origin: 'variable' });
    expect(of('data_dir')).toMatchObject({ value: 'elsewhere', origin: 'flag' });
    expect(of('dispatch_pack_max')).toMatchObject({ value: 5, origin: 'flag' });
    expect(of('host')).toMatchObject({ value: '127.0.0.1', origin: 'default' });
  });

  it('writes an annotated file once, for its owner only', async () => {
    const path = join(cwd, 'crucible.yaml');
    expect(await cli(['config', 'init'])).toMatchObject({ code: 0, stdout: '' });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toContain('#port: 8080');
    await writeFile(path, 'port: 1\n');
    const again = await cli(['config', 'init']);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    expect(await readFile(path, 'utf8')).toBe('port: 1\n');
    expect(await cli(['config', 'init', '--force'])).toMatchObject({ code: 0 });
  });

  it.each([
    ['a flag', {}, ['--port', 'http'], '--port must be a port'],
    ['a misspelt flag', {}, ['--prot', '1'], 'Did you mean --port?'],
    ['a secret as a flag', {}, ['--api-key', 'x'.repeat(40)], "unknown option '--api-key'"],
    ['a variable', { CRUCIBLE_PROT: '1' }, [], 'did you mean `CRUCIBLE_PORT`?'],
    ['the file', {}, [], 'crucible.yaml: hoost is not a setting (did you mean `host`?)'],
  ])(
    '%s that is not right stops every program with 2',
    async (what, env: Record<string, string>, flags, words) => {
      if (what === 'the file') await writeFile(join(cwd, 'crucible.yaml'), 'hoost: x\n');
      for (const command of ['config', 'dev', 'serve']) {
        const { code, stdout, stderr } = await cliIn(cwd, env)([command, ...flags]);
        expect({ command, code, stdout }).toEqual({ command, code: 2, stdout: '' });
        expect(stderr).toContain(words);
      }
    },
  );

  it('an invalid configuration does not matter to who names server and key', async () => {
    await writeFile(join(cwd, 'crucible.yaml'), 'hoost: x\n');
    const named = { CRUCIBLE_URL: 'http://127.0.0.1:1', CRUCIBLE_API_KEY: 'k'.repeat(40) };
    expect((await cliIn(cwd, named)(['event', 'list'])).stderr).toContain('no answer of Crucible');
    expect((await cli(['event', 'list'])).stderr).toContain('did you mean `host`?');
  });
});

describe('crucible doctor', () => {
  const examined = async (env: Record<string, string> = {}, flags: readonly string[] = []) => {
    const free = ['--port', '0', '--temporal-port', '0', '--temporal-ui-port', '0'];
    const { code, stdout } = await cliIn(cwd, env)(['doctor', ...free, ...flags, '-o', 'json']);
    const { data } = JSON.parse(stdout) as {
      data: { check: string; state: string; detail: string; mend?: string }[];
    };
    return { code, of: (name: string) => data.find(({ check }) => check === name), data };
  };

  it('finds nothing to mend where all is well, and changes nothing', async () => {
    const { code, data } = await examined();
    // Without a network there is a warning, which is none of ours to mend.
    expect(data.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(data.map(({ check }) => check)).toEqual([
      'configuration',
      'node',
      'data directory',
      'hook directories',
      'port',
      'surrealdb',
      'temporal',
      'temporal port',
      'temporal page',
      'egress',
      'disk',
      'clock',
    ]);
    expect(code).toBe(0);
    await expect(stat(join(cwd, '.crucible'))).rejects.toThrow('ENOENT');
  });

  it('names what is wrong and what mends it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await writeFile(join(cwd, 'file'), '');
    const { code, of } = await examined(
      {
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        CRUCIBLE_SURREAL_URL: 'ws://root:hunter2@127.0.0.1:1/rpc',
        CRUCIBLE_EGRESS_ALLOW: '0.0.0.0/0',
        CRUCIBLE_INTERNAL_KEY: 'k'.repeat(32),
      },
      ['--port', String(port), '--internal-port', String(port), '--data-dir', 'file'],
    );
    taken.close();
    expect(code).toBe(1);
    expect(of('port')).toMatchObject({ state: 'fail', mend: expect.stringContaining('CRUCIBLE_PORT') });
    expect(of('data directory')).toMatchObject({
      state: 'fail',
      mend: expect.stringContaining('CRUCIBLE_DATA_DIR'),
    });
    expect(of('temporal')).toMatchObject({
      state: 'fail',
      mend: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
    expect(of('surrealdb')).toMatchObject({ state: 'fail', detail: expect.stringContaining('127.0.0.1:1') });
    expect(of('surrealdb')?.detail).not.toContain('hunter2');
    expect(of('egress')).toMatchObject({ state: 'warn' });
    expect(of('internal door')).toMatchObject({
      state: 'fail',
      mend: expect.stringContaining('CRUCIBLE_INTERNAL_PORT'),
    });
    expect(of('temporal port')).toBeUndefined();
  });

  it('tells that nobody can follow a server with an embedded database', async () => {
    const { code, of } = await examined({ CRUCIBLE_INTERNAL_KEY: 'k'.repeat(32) });
    expect([code, of('internal door')?.state]).toEqual([0, 'warn']);
  });

  it('asks the issuer of tokens for its keys, by the way out of a server', async () => {
    await using issuer = await startIssuer();
    const judged = async (env: Record<string, string>) => {
      const jwt = { CRUCIBLE_JWT_ISSUER: issuer.url, CRUCIBLE_JWT_AUDIENCE: AUDIENCE };
      const { code, of } = await examined({ ...jwt, CRUCIBLE_EGRESS_ALLOW: '127.0.0.0/8', ...env });
      return { code, ...of('issuer') };
    };
    expect(await judged({})).toMatchObject({ state: 'ok', detail: expect.stringContaining('1 key') });
    const mend = expect.stringContaining('CRUCIBLE_JWT_JWKS_URL');
    for (const env of [
      { CRUCIBLE_JWT_JWKS_URL: 'http://127.0.0.1:1/keys' },
      { CRUCIBLE_JWT_JWKS_URL: `${issuer.url}/.well-known/oauth-authorization-server` },
      { CRUCIBLE_EGRESS_ALLOW: '10.0.0.0/8' },
    ])
      expect(await judged(env)).toMatchObject({ code: 0, state: 'warn', mend });
  });

  it('says what is wrong with the configuration, and stops there', async () => {
    const { code, data } = await examined({ CRUCIBLE_PROT: '1' });
    expect([code, data.length, data[0]?.detail]).toMatchObject([
      1,
      1,
      expect.stringContaining('did you mean'),
    ]);
    const words = await cliIn(cwd, { CRUCIBLE_PROT: '1' })(['doctor']);
    expect(words.stderr).toContain('CRUCIBLE_PROT');
  });
});

describe('crucible completion', () => {
  const completed = async (typed: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await cli(['completion', 'bash']);
    const words = ['crucible', ...typed].map((word) => `'${word}'`).join(' ');
    const script = `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _crucible; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { cwd, encoding: 'utf8' }).trim().split('\n');
  };
  const hasBash = spawnSync('bash', ['--version']).status === 0;

  it.skipIf(!hasBash)('completes commands, subcommands and options in bash', async () => {
    expect(await completed(['mem'])).toEqual(['memory']);
    expect(await completed(['memory', 'ta'])).toEqual(['tag']);
    expect(await completed(['memory', 'query', '--sem'])).toEqual(['--semantic']);
    expect(await completed(['memory', 'get', 'msg_1', '--out'])).toEqual(['--output']);
    await writeFile(join(cwd, 'note.md'), '');
    expect(await completed(['memory', 'import', 'no'])).toEqual(['note.md']);
  });

  it.each(['zsh', 'fish'])('has the same commands for %s', async (shell) => {
    const { code, stdout } = await cli(['completion', shell]);
    expect(code).toBe(0);
    for (const word of ['memory', 'consolidate', '--linked-to', 'doctor']) expect(stdout).toContain(word);
    const isThere = spawnSync(shell, ['--version']).status === 0;
    expect(isThere ? spawnSync(shell, ['-n'], { input: stdout }).status : 0).toBe(0);
  });

  it('refuses other shells', async () => {
    expect(await cli(['completion', 'csh'])).toMatchObject({ code: 2, stdout: '' });
  });
});
