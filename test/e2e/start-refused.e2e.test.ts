import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startProgram, type Program } from '../support/program.ts';
import { restOf } from '../support/rest.ts';
import { startSurrealServer, surrealBinary } from '../support/surreal-server.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/**
 * `crucible serve` where something is wrong with what it is given: it says what, where, and how to mend it. What is wrong
 * with `npm start` is in start.e2e.test.ts.
 */

const KEY = 'key-of-the-start-tests-key-of-the-start-tests';
/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';

let dir: string;
const programs: Program[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-refused-'));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.end('SIGTERM')));
  await rm(dir, { recursive: true, force: true });
});

const serve = (env: Record<string, string> = {}, uid?: number): Program => {
  const program = startProgram('serve', {
    cwd: dir,
    env: { TEMPORAL_ADDRESS: NOWHERE, CRUCIBLE_API_KEY: KEY, ...env },
    ...(uid !== undefined && { uid }),
  });
  programs.push(program);
  return program;
};

/** What a refusal says, without the log lines before it. */
const refusal = async (program: Program, code: number): Promise<string> => {
  expect({ code: await program.exited, stdout: program.stdout() }).toEqual({ code, stdout: '' });
  const said = program
    .stderr()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
  // For people: no stack of ours.
  expect(said.join('\n')).not.toMatch(/^\s+at /m);
  return said.join('\n');
};

describe('a server does not start', () => {
  test('where its data directory cannot be written', async () => {
    await mkdir(join(dir, 'data'));
    await chmod(dir, 0o755);
    await chmod(join(dir, 'data'), 0o555);
    // To root nothing is closed: it starts the program as nobody.
    const program = serve({ CRUCIBLE_DATA_DIR: 'data' }, process.getuid?.() === 0 ? 65_534 : undefined);
    const said = await refusal(program, 78);
    expect(said).toContain(`The directory ${join(dir, 'data')} cannot be used`);
    expect(said).toContain('CRUCIBLE_DATA_DIR');
  });

  test.skipIf(process.platform !== 'linux')('where no directories can be made', async () => {
    const said = await refusal(serve({ CRUCIBLE_DATA_DIR: '/proc/crucible/data' }), 78);
    expect(said).toContain(
      'The directory /proc/crucible/data cannot be used: ENOENT: no such file or directory',
    );
    expect(said).toContain('CRUCIBLE_DATA_DIR');
  });

  test('where its data directory is a file', async () => {
    await writeFile(join(dir, 'data'), '');
    const said = await refusal(serve({ CRUCIBLE_DATA_DIR: 'data/below' }), 78);
    expect(said).toContain(`The directory ${join(dir, 'data', 'below')} cannot be used`);
  });

  test('on a port that is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const said = await refusal(serve({ CRUCIBLE_PORT: String(port), ...reachable() }), 78);
    expect(said).toContain(String(port));
    expect(said).toMatch(/\bCRUCIBLE_PORT\b/);
    squatter.close();
  });

  test.each([
    ['a setting that there is not', 'port: 1\nprot: 2\n', ['line 2 of crucible.yaml: prot', '`port`']],
    ['a value of another type', '\nlog_level: loud\n', ['line 2 of crucible.yaml: log_level', '"debug"']],
    ['no YAML', 'port: 1\nhost: "x\n', ['crucible.yaml: ', 'at line 3', 'mend /']],
    ['a list', '- port\n', ['must hold settings']],
  ])('with %s in crucible.yaml', async (_, text, parts) => {
    await writeFile(join(dir, 'crucible.yaml'), text);
    const said = await refusal(serve(), 78);
    for (const part of parts) expect(said).toContain(part);
  });

  test.each<[string, Record<string, string>, readonly string[]]>([
    [
      'an admin key that is too short',
      { CRUCIBLE_API_KEY: 'hunter2' },
      ['CRUCIBLE_API_KEY', '32 characters'],
    ],
    ['an issuer and no audience', { CRUCIBLE_JWT_ISSUER: 'https://a.example' }, ['CRUCIBLE_JWT_AUDIENCE']],
    [
      'algorithms that are not safe',
      { CRUCIBLE_JWT_ALGORITHMS: 'none' },
      ['CRUCIBLE_JWT_ALGORITHMS', 'RS256'],
    ],
    ['a database of another make', { CRUCIBLE_SURREAL_URL: 'mysql://127.0.0.1' }, ['mysql', 'ws://']],
    ['a variable that is misspelt', { CRUCIBLE_PROT: '1' }, ['CRUCIBLE_PROT', 'CRUCIBLE_PORT']],
  ])('with %s', async (_, env, parts) => {
    const said = await refusal(serve(env), 78);
    for (const part of parts) expect(said).toContain(part);
    expect(said).not.toContain('hunter2');
  });

  test('with a key for tokens that is none', async () => {
    const said = await refusal(
      serve({
        ...reachable(),
        CRUCIBLE_JWT_ISSUER: 'https://a.example',
        CRUCIBLE_JWT_AUDIENCE: 'crucible',
        CRUCIBLE_JWT_KEY: 'hunter2',
      }),
      78,
    );
    expect(said).toContain('CRUCIBLE_JWT_KEY');
    expect(said).not.toContain('hunter2');
  });

  test('where its database is away: starting it again may help', async () => {
    const url = `ws://root:hunter2@${NOWHERE}/rpc`;
    const said = await refusal(serve({ CRUCIBLE_SURREAL_URL: url }), 1);
    expect(said).toContain(`The SurrealDB server at ws://${NOWHERE}/rpc cannot be reached`);
    expect(said).toContain('CRUCIBLE_SURREAL_URL');
  });

  const surreal = surrealBinary();
  test.skipIf(surreal === undefined)('on an internal port that is taken', async () => {
    await using server = await startSurrealServer(surreal ?? '');
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const said = await refusal(
      serve({
        ...reachable(),
        CRUCIBLE_SURREAL_URL: server.url,
        CRUCIBLE_INTERNAL_KEY: KEY,
        CRUCIBLE_INTERNAL_PORT: String(port),
      }),
      78,
    );
    expect(said).toContain(String(port));
    expect(said).toMatch(/\bCRUCIBLE_INTERNAL_PORT\b/);
    expect(said).not.toContain(KEY);
    squatter.close();
  });

  test.skipIf(surreal === undefined)('where its database does not let it in', async () => {
    await using server = await startSurrealServer(surreal ?? '');
    const said = await refusal(
      serve({ CRUCIBLE_SURREAL_URL: server.url, CRUCIBLE_SURREAL_PASS: 'hunter2' }),
      78,
    );
    expect(said).toContain('does not let');
    expect(said).toContain('CRUCIBLE_SURREAL_PASS');
    expect(said).not.toContain('hunter2');
  });
});

const ENGINE = new URL('../../src/surreal/engine.ts', import.meta.url).href;

/** Has a newer version write into the store; in a process of its own, which lets go of the directory when it ends. */
const newerStore = async (data: string): Promise<void> => {
  const options = { url: `rocksdb://${join(data, 'surreal')}`, namespace: 'crucible', database: 'crucible' };
  const script = `
    import { connect } from '${ENGINE}';
    const { db, close } = await connect(${JSON.stringify(options)});
    await db.query('UPDATE log_schema:main SET version = 1000');
    await close();
    process.exit(0);
  `;
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
};

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await temporalServer();
});
afterAll(() => temporal[Symbol.asyncDispose]());
const reachable = (): Record<string, string> => ({
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_NAMESPACE: temporal.namespace,
});

test('a store that a newer version has written to is left alone', async () => {
  const first = serve(reachable());
  await first.ready();
  expect(await first.end('SIGTERM')).toBe(0);
  const data = join(dir, '.crucible');
  await newerStore(data);
  const said = await refusal(serve(reachable()), 78);
  expect(said).toContain('written by a newer version');
  expect(said).toContain('Use the newer program, or another data directory');
});

test('with another encryption key than its secrets were sealed with it does not start', async () => {
  const first = serve(reachable());
  const rest = restOf(await first.ready(), KEY);
  const filters = [{ event_type: 'custom.note.imported' }];
  expect((await rest('POST', '/webhooks', { url: 'https://example.org/x', filters })).status).toBe(201);
  expect(await first.end('SIGTERM')).toBe(0);
  const other = randomBytes(32).toString('base64');
  const said = await refusal(serve({ ...reachable(), CRUCIBLE_ENCRYPTION_KEY: other }), 78);
  expect(said).toContain('the encryption key is not the one');
  expect(said).toContain('CRUCIBLE_ENCRYPTION_KEY');
  expect(said).not.toContain(other);
  const file = join(dir, '.crucible', 'encryption.key');
  const kept = await readFile(file);
  await writeFile(file, 'half a k');
  expect(await refusal(serve(reachable()), 78)).toContain(`${file} does not hold a key`);
  // With the former key it goes on.
  await writeFile(file, kept);
  await serve(reachable()).ready();
});

describe('a server starts, and says so,', () => {
  test('where its directory of hooks is missing, which it makes, and where a hook is broken', async () => {
    await mkdir(join(dir, 'hooks'));
    await writeFile(join(dir, 'hooks', 'broken.md'), '---\nname: broken\ntriger: {}\n---\n');
    const program = serve({ ...reachable(), CRUCIBLE_HOOKS_DIR: 'hooks:not/yet' });
    const [line] = await program.line(/.*hook file refused.*/);
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      file: 'broken.md',
      issues: expect.arrayContaining([
        'broken.md:3:1 triger: unknown key `triger` in a hook; did you mean `trigger`?',
      ]),
    });
    await program.ready();
    expect((await stat(join(dir, 'not', 'yet'))).isDirectory()).toBe(true);
  });

  test('where the keys of its issuer cannot be fetched: tokens are refused until they can', async () => {
    const program = serve({
      ...reachable(),
      CRUCIBLE_JWT_ISSUER: 'https://a.example',
      CRUCIBLE_JWT_AUDIENCE: 'crucible',
      CRUCIBLE_JWT_JWKS_URL: `http://${NOWHERE}/keys`,
      CRUCIBLE_EGRESS_ALLOW: '127.0.0.0/8',
      CRUCIBLE_EGRESS_PORTS: '1',
    });
    const [line] = await program.line(/.*the issuer's keys could not be fetched.*/);
    const { level, problem, hint } = JSON.parse(line) as Record<string, string>;
    expect([level, problem]).toEqual(['warn', expect.stringContaining('127.0.0.1:1')]);
    expect(hint).toContain('CRUCIBLE_JWT_JWKS_URL');
    expect((await restOf(await program.ready(), KEY)('GET', '/events')).status).toBe(200);
  });

  test.each([
    [
      'there is no such namespace',
      (): Record<string, string> => ({ ...reachable(), TEMPORAL_NAMESPACE: 'nowhere' }),
      /has no namespace nowhere/,
    ],
    ['its Temporal is away', (): Record<string, string> => ({}), /127\.0\.0\.1:1\b/],
  ])('where %s: it takes writes and tries again', async (_, env, words) => {
    const program = serve(env());
    const [line] = await program.line(/.*not working for Temporal; trying again.*/);
    const { problem, hint } = JSON.parse(line) as { problem: string; hint: string };
    expect(problem).toMatch(words);
    expect(hint).toMatch(/TEMPORAL_(?:NAMESPACE|ADDRESS)/);
  });
});
