import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { cliIn, type Cli } from '../support/cli.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** The command line against the whole server, as somebody types it. */

let stack: Stack;
let cli: Cli;
beforeAll(async () => {
  // An empty variable counts as none: the key is made, and kept where the command line finds it.
  stack = await startStack({ CRUCIBLE_API_KEY: '', CRUCIBLE_HOOKS_DIR: '' });
  cli = cliIn(stack.dir, { CRUCIBLE_URL: stack.server.url, CRUCIBLE_DATA_DIR: '.' });
});
afterAll(() => stack?.[Symbol.asyncDispose]());

/** What a command that works prints, as JSON. */
// What commands print is looked at field by field.
// oxlint-disable-next-line typescript/no-explicit-any
const json = async (...args: string[]): Promise<any> => {
  const { code, stdout, stderr } = await cli([...args, '-o', 'json']);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

describe('crucible memory and graph', () => {
  it('adds, reads, changes, links, tags, finds and deletes', async () => {
    const a = await json('memory', 'add', '# Attention\nsee [[Transformers]] #ai', '--name', 'Attention');
    const piped = await cli(['memory', 'add', '--file', '-', '-o', 'json'], {
      stdin: '# Transformers\nlayers',
    });
    const b = JSON.parse(piped.stdout);
    expect([a.title, b.title]).toEqual(['Attention', 'Transformers']);

    await json('memory', 'update', b.id, '# Transformers\nmany layers', '--expected-hash', b.hash);
    const stale = await cli(['memory', 'update', b.id, 'x', '--expected-hash', b.hash]);
    expect(stale).toMatchObject({ code: 1, stdout: '' });
    expect(stale.stderr).toContain('(expectation_failed)');

    await json('memory', 'link', a.id, b.id, '--type', 'cites', '--strength', '0.5');
    await json('memory', 'tag', a.id, 'important', '#nlp');
    const got = await json('memory', 'get', a.id);
    expect(got.tags).toEqual(expect.arrayContaining(['#ai', '#important', '#nlp']));
    expect(got.links).toContainEqual(expect.objectContaining({ kind: 'cites', to: b.id, strength: 0.5 }));

    const found = await json('memory', 'query', 'attention', '--tag', '#ai', '--since', '1h');
    expect(found.results.map(({ memory }: { memory: { id: string } }) => memory.id)).toEqual([a.id]);

    const near = await json('graph', 'traverse', a.id, '--depth', '1');
    expect(near.nodes.map(({ id }: { id: string }) => id)).toContain(b.id);
    const paths = await json('graph', 'paths', a.id, b.id);
    expect(paths.paths[0].nodes).toEqual([a.id, b.id]);
    expect((await json('graph', 'node', 'tag:nlp')).kind).toBe('tag');
    expect((await json('graph', 'edges', '--from', a.id, '--type', 'cites')).data).toHaveLength(1);
    expect((await json('graph', 'metrics', 'density')).value).toBeGreaterThan(0);
    expect((await json('graph', 'communities')).nodes).toBeGreaterThan(2);

    await json('memory', 'untag', a.id, 'nlp');
    await json('memory', 'unlink', a.id, b.id, '--type', 'cites');
    const gone = await cli(['memory', 'rm', a.id, b.id]);
    expect(gone).toMatchObject({ code: 0, stdout: '', stderr: `deleted ${a.id}\ndeleted ${b.id}\n` });
  });

  it('imports a directory, once however often it is told to', async () => {
    const notes = join(stack.dir, 'notes');
    await mkdir(join(notes, 'deep'), { recursive: true });
    await mkdir(join(notes, '.hidden'), { recursive: true });
    for (let i = 0; i < 30; i += 1) await writeFile(join(notes, `n${i}.md`), `# Note ${i}\n#imported`);
    await writeFile(join(notes, 'deep', 'last.markdown'), '# Last "quoted"\n#imported');
    await writeFile(join(notes, '.hidden', 'no.md'), '# No');
    await writeFile(join(notes, 'picture.png'), 'no');
    expect(await json('memory', 'import', 'notes')).toEqual({ imported: 31, known: 0, refused: 0 });
    expect(await json('memory', 'import', 'notes')).toEqual({ imported: 0, known: 31, refused: 0 });
    await writeFile(join(notes, 'binary.md'), Buffer.from([0xff, 0xfe, 0x00]));
    const mixed = await cli(['memory', 'import', 'notes', '-o', 'json']);
    expect(JSON.parse(mixed.stdout)).toEqual({ imported: 0, known: 31, refused: 1 });
    expect([mixed.code, mixed.stderr]).toEqual([1, `${join('notes', 'binary.md')}: is not UTF-8\n`]);

    // Pages: all of them as lines, and a table that says how to go on.
    const lines = await cli(['memory', 'list', '--limit', '10', '--all', '-o', 'jsonl']);
    expect(
      lines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).title),
    ).toHaveLength(31);
    const table = await cli(['memory', 'list', '--limit', '2']);
    expect(table.stdout).toMatch(/^ID +TITLE +TAGS +UPDATED_AT\nmsg_\S+ +\S/);
    expect(table.stderr).toMatch(/^more: --cursor \S+ \(or --all\)\n$/);
    expect((await json('memory', 'prune', '--tag', '#imported', '--dry-run')).count).toBe(31);
  });
});

describe('crucible event', () => {
  it('publishes, reads, and follows a story', async () => {
    const { data } = await json('event', 'publish', 'custom.hello', '{"n": 1}', '--subject', 'x');
    const [first] = data;
    const second = await json('event', 'publish', 'custom.again', '--causation-id', first.id);
    expect(second.data[0].correlation_id).toBe(first.correlation_id);
    expect(await json('event', 'get', first.id)).toMatchObject({
      payload: { n: 1 },
      subject: 'x',
      actor: 'user:admin',
    });
    const trace = await cli(['event', 'trace', first.id, '-o', 'yaml']);
    expect(parseYaml(trace.stdout).data.map(({ type }: { type: string }) => type)).toEqual([
      'custom.hello',
      'custom.again',
    ]);
    const listed = await json(
      'event',
      'list',
      '-t',
      'custom.*',
      '--when',
      'event.payload.n == 1',
      '--since',
      '1h',
    );
    expect(listed.data.map(({ id }: { id: string }) => id)).toEqual([first.id]);
    expect((await json('event', 'types')).data.length).toBeGreaterThan(20);
  });

  it('publishes a file of lines, all or none, and once under a key', async () => {
    const lines = [1, 2, 3].map((n) => JSON.stringify({ type: 'custom.line', payload: { n } })).join('\n');
    const publish = () =>
      cli(['event', 'publish', '-f', '-', '--idempotency-key', 'lines-1', '-o', 'jsonl'], { stdin: lines });
    const [first, again] = [await publish(), await publish()];
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(3);
    const duplicates = again.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).duplicate);
    expect(duplicates).toEqual([true, true, true]);
    const bad = await cli(['event', 'publish', '-f', '-'], {
      stdin: '{"type": "custom.ok", "payload": {}}\n{"type": "custom.bad"}',
    });
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toContain('events.1.payload');
    const broken = await cli(['event', 'publish', '-f', '-'], { stdin: '{}\n{' });
    expect([broken.code, broken.stderr]).toMatchObject([2, expect.stringContaining('-, line 2: ')]);
  });

  it('shows no control characters of others in a table', async () => {
    await json('event', 'publish', 'custom.evil', '{}', '--subject', 'a\u001b[2Jb');
    const { stdout } = await cli(['event', 'list', '-t', 'custom.evil']);
    expect(stdout).toContain('a�[2Jb');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('crucible hook, webhook and run', () => {
  it('creates a hook and reads what it did', async () => {
    const definition = [
      'name: count',
      'trigger: { timing: post, events: [{ event_type: custom.counted }] }',
      "action: { type: script, source: 'export default ({ event }) => ({ n: event.payload.n });' }",
    ].join('\n');
    const created = await cli(['hook', 'create', '-'], { stdin: definition });
    expect(created).toMatchObject({ code: 0, stderr: '' });
    await json('event', 'publish', 'custom.counted', '{"n": 7}');
    await expect
      .poll(async () => (await json('run', 'list', '--hook', 'count')).data[0]?.state, { timeout: 20_000 })
      .toBe('succeeded');
    const [run] = (await json('hook', 'runs', 'count', '--state', 'succeeded')).data;
    expect((await json('run', 'get', run.id)).attempts[0].detail.output).toEqual({ n: 7 });
    expect((await json('run', 'replay', run.id)).generation).toBe(1);
    expect((await json('hook', 'disable', 'count')).enabled).toBe(false);
    expect((await json('hook', 'list')).data.map(({ id }: { id: string }) => id)).toEqual(['count']);
    expect(await cli(['hook', 'rm', 'count'])).toMatchObject({ code: 0, stderr: 'deleted count\n' });
  });

  it('says why an event led to a run, and why to none, and ends a run', async () => {
    const definition = [
      'name: judge',
      'trigger: { timing: post, events: [{ event_type: custom.judged, filter: { n: { equals: 7 } } }] }',
      // Nothing listens there: it is tried again, long after this test.
      'action: { type: http, url: "http://127.0.0.1:1/" }',
      'options: { retry: { initial_ms: 600000, max_ms: 600000 } }',
    ].join('\n');
    expect((await cli(['hook', 'create', '-'], { stdin: definition })).code).toBe(0);
    const publish = async (n: number): Promise<string> =>
      (await json('event', 'publish', 'custom.judged', JSON.stringify({ n }))).data[0].id;
    const [seven, eight] = [await publish(7), await publish(8)];

    const [run] = (await json('run', 'list', '--event', seven)).data;
    expect(run.target).toBe('hook:judge');
    expect((await json('run', 'list', '--target', 'hook:judge')).data).toHaveLength(1);
    expect((await json('run', 'list', '--event', eight)).data).toEqual([]);

    const none = await cli(['event', 'why', eight, 'hook:judge']);
    expect(none).toMatchObject({ code: 0, stderr: '' });
    const [title, because, ...clauses] = none.stdout.trimEnd().split('\n');
    expect([title, because]).toEqual([
      'hook:judge does not match, no run',
      expect.stringMatching(/^ {2}because filters\.0\.filter\.n\.equals: .*8/),
    ]);
    expect(clauses).toContainEqual(expect.stringMatching(/^ {2}no {2}filters\.0\.filter\.n\.equals {2}/));
    expect(clauses).toContainEqual(expect.stringMatching(/^ {2}yes world /));
    expect((await json('event', 'why', seven, 'hook:judge')).data[0]).toMatchObject({
      matches: true,
      run: { id: run.id },
    });
    expect((await cli(['event', 'why', 'evt_none'])).code).toBe(1);

    expect(await json('run', 'cancel', run.id)).toMatchObject({ id: run.id, state: 'cancelled' });
    const twice = await cli(['run', 'cancel', run.id]);
    expect([twice.code, twice.stdout]).toEqual([1, '']);
    expect((await cli(['event', 'why', seven])).stdout).toMatch(
      /^hook:judge matches \(run\), run_\S+ cancelled$/m,
    );
    expect(await cli(['hook', 'rm', 'judge'])).toMatchObject({ code: 0 });
  });

  it('checks hook files', async () => {
    const good = await readFile(new URL('../../examples/hooks/note-journal.md', import.meta.url), 'utf8');
    await writeFile(join(stack.dir, 'good.md'), good);
    await writeFile(join(stack.dir, 'bad.md'), good.replace('trigger:', 'trigerr:'));
    expect(await cli(['hook', 'validate', 'good.md'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'good.md is valid\n',
    });
    const bad = await cli(['hook', 'validate', 'bad.md']);
    expect([bad.code, bad.stdout]).toMatchObject([1, expect.stringContaining('trigerr')]);
  });

  it('creates a webhook, shows its secret once, and reads its deliveries', async () => {
    const made = await json(
      'webhook',
      'create',
      'https://example.org/in',
      '-t',
      'custom.never',
      '--header',
      'X-Team: a',
    );
    expect(made.secret).toMatch(/^whsec_/);
    expect(made.options.headers).toEqual({ 'X-Team': 'a' });
    expect((await json('webhook', 'get', made.id)).secret).toBeUndefined();
    expect((await json('webhook', 'deliveries', made.id)).data).toEqual([]);
    expect(await cli(['run', 'list', '--webhook', made.id])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'nothing found\n',
    });
    expect((await json('webhook', 'list')).data).toHaveLength(1);
    expect(await cli(['webhook', 'rm', made.id])).toMatchObject({ code: 0 });
  });
});

describe('crucible agent, room, world and file', () => {
  it('registers an agent and has it do something', async () => {
    const agent = {
      name: 'Counter',
      actions: [
        {
          name: 'length',
          handler: { type: 'script', code: 'export default ({ inputs }) => ({ n: inputs.text.length });' },
        },
        {
          name: 'fail',
          handler: { type: 'script', code: 'export default () => { throw new Error("no"); };' },
        },
      ],
    };
    await writeFile(join(stack.dir, 'agent.json'), JSON.stringify(agent));
    expect((await json('agent', 'register', 'agent.json')).id).toBe('counter');
    const done = await json(
      'agent',
      'run',
      'counter',
      'length',
      '--inputs',
      '{"text": "four"}',
      '--wait',
      '20000',
    );
    expect(done).toMatchObject({ state: 'succeeded', outputs: { n: 4 } });
    const failed = await cli(['agent', 'run', 'counter', 'fail', '--wait', '20000', '-o', 'json']);
    expect([failed.code, JSON.parse(failed.stdout).ended]).toEqual([1, true]);

    await json('room', 'create', 'research');
    expect(await cli(['agent', 'join', 'counter', 'research'])).toMatchObject({ code: 0 });
    expect((await json('room', 'members', 'research')).data).toEqual([{ id: 'counter' }]);
    expect((await json('agent', 'message', 'counter', 'hello', '--to', 'counter')).recipients).toBe(1);
    expect(await cli(['agent', 'rm', 'counter', '--reason', 'done'])).toMatchObject({ code: 0 });
    expect(await cli(['room', 'rm', 'research'])).toMatchObject({ code: 0 });
  });

  it('keeps worlds apart', async () => {
    await json('world', 'create', 'lab', '--name', 'The lab');
    const { id } = await json('memory', 'add', 'only here', '--world', 'lab');
    expect((await json('memory', 'get', id, '--world', 'lab')).world).toBe('lab');
    expect((await json('file', 'scan')).failed).toBe(0);
    expect((await json('file', 'list')).data).toEqual([]);
  });
});

describe('keys and failures', () => {
  it('makes a key that does what it may, and no more', async () => {
    const made = await json(
      'key',
      'create',
      'ci',
      '--role',
      'reader',
      '--scope',
      'event:read',
      '--expires',
      '2090-01-01',
    );
    await writeFile(join(stack.dir, 'ci.key'), `${made.key}\n`);
    expect((await json('event', 'list', '--key-file', 'ci.key')).data.length).toBeGreaterThan(0);
    const refused = await cli(['event', 'publish', 'custom.no', '--key-file', 'ci.key']);
    expect(refused).toMatchObject({ code: 4, stdout: '' });
    expect(refused.stderr).toMatch(/^error: .*\(forbidden\)\n.*hint: /s);
    expect((await json('key', 'list')).data.map(({ name }: { name: string }) => name)).toContain('ci');
    expect(await cli(['key', 'revoke', made.id])).toMatchObject({ code: 0 });
    const revoked = await cli(['event', 'list', '--key-file', 'ci.key']);
    expect([revoked.code, revoked.stderr]).toMatchObject([4, expect.stringContaining('(unauthenticated)')]);
    expect(revoked.stderr).not.toContain(made.key);
  });

  it('says what is not there, what does not answer, and where no key is', async () => {
    const missing = await cli(['memory', 'get', 'msg_nothing']);
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('(not_found)') });
    const away = await cli(['event', 'list', '--url', 'http://127.0.0.1:1']);
    expect([away.code, away.stderr]).toMatchObject([
      1,
      expect.stringMatching(/http:\/\/127\.0\.0\.1:1.*\nhint: Start/),
    ]);
    const keyless = await cliIn(join(stack.dir, 'notes'), { CRUCIBLE_URL: stack.server.url })([
      'event',
      'list',
    ]);
    expect([keyless.code, keyless.stderr]).toMatchObject([4, expect.stringContaining('CRUCIBLE_API_KEY')]);
  });

  it.each([
    ['a misspelt command', ['memroy'], 'Did you mean memory?'],
    ['a misspelt option', ['event', 'list', '--typo', 'x'], 'Did you mean --type?'],
    ['an argument too few', ['memory', 'get'], "missing required argument 'id'"],
    ['an argument too many', ['memory', 'get', 'a', 'b'], 'too many arguments'],
    ['a format that is none', ['event', 'list', '-o', 'xml'], 'table, json, jsonl, yaml'],
    ['a number that is none', ['event', 'list', '-n', 'many'], 'whole number'],
    ['a time that is none', ['event', 'list', '--since', 'yesterday'], 'It must be a time'],
    ['a payload that is no object', ['event', 'publish', 'custom.a', '[1]'], 'JSON object'],
    ['a file that is not there', ['memory', 'add', '-f', 'nothing.md'], 'cannot read nothing.md'],
    ['a URL that is none', ['event', 'list', '--url', 'localhost'], 'is not the URL of a server'],
    ['two of what excludes another', ['run', 'list', '--hook', 'a', '--webhook', 'b'], 'either --hook'],
    ['a command alone', ['memory'], 'Usage: crucible memory'],
  ])('ends with 2 for %s', async (_, args, words) => {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  it('takes the key from a variable, and gives its version and help on stdout', async () => {
    const key = (await readFile(join(stack.dir, 'admin.key'), 'utf8')).trim();
    const elsewhere = cliIn(join(stack.dir, 'notes'), {
      CRUCIBLE_URL: stack.server.url,
      CRUCIBLE_API_KEY: key,
    });
    expect((await elsewhere(['event', 'list', '-n', '1', '-o', 'json'])).code).toBe(0);
    expect(await elsewhere(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await elsewhere(['event', '--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('publish'),
    });
  });
});

describe('crucible event tail', () => {
  const BIN = fileURLToPath(new URL('../../bin/crucible.cjs', import.meta.url));
  const tail = (...args: string[]) => {
    const child = spawn(process.execPath, [BIN, 'event', 'tail', ...args], {
      cwd: stack.dir,
      env: { PATH: process.env['PATH'], CRUCIBLE_URL: stack.server.url, CRUCIBLE_DATA_DIR: '.' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += String(text);
    });
    const ended = new Promise((resolve) => {
      child.once('close', (code) => resolve(code));
    });
    return {
      next: async (): Promise<string> => String((await lines.next()).value),
      /** As Ctrl-C does. */
      async interrupt() {
        child.kill('SIGINT');
        return { code: await ended, stderr };
      },
      [Symbol.dispose]: () => void child.kill('SIGKILL'),
    };
  };

  it('prints what was there and what happens, goes on where it ended, and ends with 0 on Ctrl-C', async () => {
    await json('event', 'publish', 'custom.tail', '{"n": 1}');
    await json('event', 'publish', 'custom.tail', '{"n": 2}');
    const filter = ['--type', 'custom.tail', '--filter', '{"n": {"greater_than": 1}}', '-o', 'jsonl'];
    using first = tail(...filter, '--when', 'event.payload.n < 5', '--after', '0');
    const { position, payload } = JSON.parse(await first.next());
    expect(payload).toEqual({ n: 2 });
    await json('event', 'publish', 'custom.tail', '{"n": 1}');
    const { data } = await json('event', 'publish', 'custom.tail', '{"n": 3}');
    expect(JSON.parse(await first.next()).payload).toEqual({ n: 3 });
    const end = await first.interrupt();
    const [, after = ''] = /--after (\d+)/.exec(end.stderr) ?? [];
    expect(end.code).toBe(0);
    expect(Number(after)).toBeGreaterThanOrEqual(position);

    await json('event', 'publish', 'custom.tail', '{"n": 4}');
    using again = tail('--type', 'custom.tail', '--after', String(data[0].position));
    expect(await again.next()).toMatch(/^POSITION +TIMESTAMP +TYPE +ACTOR +SUBJECT$/);
    expect(await again.next()).toMatch(/^\d+ +\S+Z +custom\.tail +user:admin +-$/);
    expect((await again.interrupt()).code).toBe(0);
  });

  it('says what is wrong at once', async () => {
    const wrong = await cli(['event', 'tail', '--when', 'event.']);
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.stderr).toContain('(invalid)');
    expect(await cli(['event', 'tail', '-o', 'yaml'])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['event', 'tail', '--filter', '[1]'])).toMatchObject({ code: 2 });
    const nobody = await cli(['event', 'tail', '--url', 'http://127.0.0.1:1']);
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toContain('no answer of Crucible');
  });
});
