import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll } from '../crash/audit.ts';
import { endedRun } from '../support/ended-run.ts';
import { filesBelow, historiesOf, leaksIn } from '../support/leaks.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver } from '../support/webhooks.ts';

/** Hook files dropped into a running server, and what comes of them: seen through the API, files and requests alone. */

const SECRET = 'hush-Q7/zz+"quoted" %secret% 9f3a';
/** One that may stand in a URL as it is. */
const URL_SECRET = 'hush-8c1f-url-5521';

let dir: string;
let hooks: string;
let temporal: TestTemporal;
let server: TestServer;
let rest: Rest;
let stderr = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-hook-e2e-'));
  hooks = join(dir, 'data', 'hooks');
  await mkdir(hooks, { recursive: true });
  temporal = await temporalServer();
  server = await startServer({
    dataDir: join(dir, 'data'),
    temporal,
    env: {
      CRUCIBLE_HOOK_SECRET_X: SECRET,
      CRUCIBLE_HOOK_SECRET_URL: URL_SECRET,
      CRUCIBLE_LOG_LEVEL: 'debug',
      CRUCIBLE_TEMPORAL_UI_URL: temporal.uiUrl,
    },
  });
  server.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  rest = restOf(server.url);
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const WAIT = { timeout: 30_000, interval: 50 };

/** Writes the file of a hook; `front` is its front matter without the name. */
const put = (name: string, front: string): Promise<void> =>
  writeFile(join(hooks, `${name}.md`), `---\nname: ${name}\n${front}\n---\n# ${name}\n`);
const on = (type: string): string => `trigger: { events: [{ type: ${type} }] }`;
const script = (source: string, ...more: readonly string[]): string =>
  [
    'action:',
    '  type: script',
    '  source: |',
    ...source.split('\n').map((line) => `    ${line}`),
    ...more,
  ].join('\n');
/** Registered in another version than `than`. */
const registered = async (name: string, than?: string): Promise<string> => {
  let hash = '';
  await expect
    .poll(async () => {
      const { status, body } = await rest('GET', `/hooks/${name}`);
      hash = status === 200 ? body.hash : '';
      return hash !== '' && hash !== than;
    }, WAIT)
    .toBe(true);
  return hash;
};
const install = async (name: string, front: string): Promise<void> => {
  await put(name, front);
  await registered(name);
};
const publish = async (type: string, payload: object = {}): Promise<string> => {
  const { status, body } = await rest('POST', '/events', { type, payload });
  expect([status, body]).toMatchObject([201, {}]);
  return body.data[0].id;
};
/** The hook's run for the event, once it has ended, with its attempts. */
const ended = (name: string, eventId: string) => endedRun(rest, `/hooks/${name}/runs`, eventId, WAIT);
const eventsOf = async (type: string, hook: string): Promise<{ payload: Record<string, unknown> }[]> =>
  (await rest('POST', '/events/query', { type, order: 'asc', filter: { hook } })).body.data;

describe('a hook file', () => {
  it('reacts to the next event, follows its edits, survives its breaking, and ends with its file', async () => {
    await install(
      'greet',
      `${on('custom.note.imported')}\n${script('export default ({ event }) => `one ${event.payload.title}`;')}`,
    );
    const first = await ended('greet', await publish('custom.note.imported', { title: 'a' }));
    expect(first).toMatchObject({
      state: 'succeeded',
      attempts: [{ number: 1, detail: { output: 'one a' } }],
    });
    const path = [first.workflow_id, first.temporal_run_id].map(encodeURIComponent).join('/');
    expect(first.temporal_url).toBe(
      `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows/${path}/history`,
    );
    const { hash: before } = (await rest('GET', '/hooks/greet')).body;

    await put(
      'greet',
      `${on('custom.note.imported')}\n${script('export default ({ event }) => `two ${event.payload.title}`;')}`,
    );
    const good = await registered('greet', before);
    const second = await ended('greet', await publish('custom.note.imported', { title: 'b' }));
    expect(second).toMatchObject({ state: 'succeeded', attempts: [{ detail: { output: 'two b' } }] });
    // The older run keeps the version that it matched.
    expect((await rest('GET', `/runs/${first.id}`)).body).toMatchObject({ definition_hash: before });
    expect(second.definition_hash).toBe(good);

    await put(
      'greet',
      `triger: {}\n${on('custom.note.imprted.')}\n${script('export default ({ event }) => {{;')}`,
    );
    await expect
      .poll(async () => (await rest('GET', '/hooks/greet')).body.errors.length, WAIT)
      .toBeGreaterThan(2);
    const { body: broken } = await rest('GET', '/hooks');
    const shown = broken.data.find(({ id }: { id: string }) => id === 'greet');
    expect(shown).toMatchObject({ hash: good, enabled: true, file: 'greet.md' });
    for (const path of ['triger', 'trigger.events.0.type', 'action.source'])
      expect(shown.errors).toContainEqual(
        expect.objectContaining({ path, line: expect.any(Number), column: expect.any(Number) }),
      );
    const third = await ended('greet', await publish('custom.note.imported', { title: 'c' }));
    expect(third).toMatchObject({ state: 'succeeded', attempts: [{ detail: { output: 'two c' } }] });
    const { body: told } = await rest('GET', '/events?type=system.error');
    expect(told.data).toHaveLength(1);
    expect(told.data[0]).toMatchObject({ subject: 'hook:greet', actor: 'system:hooks' });
    expect(told.data[0].payload.message).toContain('greet.md:3:1 triger');

    await rm(join(hooks, 'greet.md'));
    await expect.poll(async () => (await rest('GET', '/hooks/greet')).status, WAIT).toBe(404);
    const last = await publish('custom.note.imported', { title: 'd' });
    expect(await eventsOf('hook.registered', 'greet')).toHaveLength(2);
    expect(await eventsOf('hook.unregistered', 'greet')).toMatchObject([
      { payload: { reason: 'file_deleted' } },
    ]);
    expect(await eventsOf('hook.executed', 'greet')).toMatchObject([
      { payload: { output: 'one a' } },
      { payload: { output: 'two b' } },
      { payload: { output: 'two c' } },
    ]);
    // Its runs are still there to look up, and none is for the last event.
    expect((await rest('GET', `/runs/${third.id}`)).body.event_id).not.toBe(last);
  });

  it('may be a command, which gets what an event holds as data and never as code', async () => {
    const title = '$(touch pwned); `touch pwned` "\'; touch pwned #\n-rf';
    await install(
      'journal',
      [
        on('custom.note.journal'),
        'action:',
        '  type: shell',
        '  shell: |',
        '    printf "%s" "$CRUCIBLE_EVENT_PAYLOAD_TITLE" > journal.txt',
        '    cat > input.json',
        '    env > env.txt',
      ].join('\n'),
    );
    await install(
      'direct',
      `${on('custom.note.journal')}\naction: { type: shell, command: [sh, -c, 'printf %s "$1" > direct.txt', sh, "{{event.payload.title}}"] }`,
    );
    const id = await publish('custom.note.journal', { title });
    expect(await ended('journal', id)).toMatchObject({ state: 'succeeded' });
    expect(await ended('direct', id)).toMatchObject({ state: 'succeeded' });
    expect(await readFile(join(hooks, 'journal.txt'), 'utf8')).toBe(title);
    expect(await readFile(join(hooks, 'direct.txt'), 'utf8')).toBe(title);
    expect(existsSync(join(hooks, 'pwned'))).toBe(false);
    const input = JSON.parse(await readFile(join(hooks, 'input.json'), 'utf8'));
    expect(input).toMatchObject({ event: { id, payload: { title } }, hook: { name: 'journal' }, attempt: 1 });
    const env = await readFile(join(hooks, 'env.txt'), 'utf8');
    for (const name of [
      'CRUCIBLE_API_KEY',
      'CRUCIBLE_HOOK_SECRET_X',
      'TEMPORAL_ADDRESS',
      'CRUCIBLE_DATA_DIR',
    ])
      expect(env).not.toMatch(new RegExp(`^${name}=`, 'm'));
  });

  it('is skipped when its condition says no or its address is refused, which is told with the reason', async () => {
    await install(
      'only-wanted',
      [
        on('custom.sifted'),
        'condition:',
        "  script: 'export default ({ event }) => event.payload.wanted;'",
        script('export default () => 1;'),
      ].join('\n'),
    );
    await install(
      'to-a-host',
      `${on('custom.sent-to')}\naction: { type: http, url: 'http://{{event.payload.host}}/' }`,
    );
    const unwanted = await ended('only-wanted', await publish('custom.sifted', { wanted: false }));
    const wanted = await ended('only-wanted', await publish('custom.sifted', { wanted: true }));
    const refused = await ended('to-a-host', await publish('custom.sent-to', { host: '169.254.169.254' }));
    expect(unwanted).toMatchObject({ state: 'skipped', reason: 'condition', attempt_count: 1 });
    expect(wanted).toMatchObject({ state: 'succeeded' });
    expect(refused).toMatchObject({ state: 'skipped', reason: 'egress_denied', attempt_count: 1 });
    expect(await eventsOf('hook.skipped', 'only-wanted')).toMatchObject([
      { payload: { run_id: unwanted.id, state: 'skipped', reason: 'condition' } },
    ]);
    expect(await eventsOf('hook.skipped', 'to-a-host')).toMatchObject([
      { payload: { run_id: refused.id, state: 'skipped', reason: 'egress_denied' } },
    ]);
  });

  it('tries again what can pass, records each attempt, and tells the end once', async () => {
    await using sink = await startReceiver(
      (_request, response) => void response.writeHead(sink.received.length < 3 ? 503 : 200).end('busy?'),
    );
    await install(
      'patient',
      [
        on('custom.retry'),
        `action: { type: http, url: "${sink.url}" }`,
        'options: { retry: { max_attempts: 5, backoff: fixed, initial_ms: 20 } }',
      ].join('\n'),
    );
    const run = await ended('patient', await publish('custom.retry', { n: 1 }));
    expect(run).toMatchObject({ state: 'succeeded', attempt_count: 3, generation: 0 });
    expect(run.attempts).toMatchObject([
      { number: 1, outcome: 'failed', error: { code: 'http_503' }, detail: { response: { status: 503 } } },
      { number: 2, outcome: 'failed', error: { code: 'http_503' } },
      { number: 3, outcome: 'succeeded', error: null, detail: { response: { status: 200 } } },
    ]);
    expect(sink.received.map(({ headers }) => headers['x-crucible-attempt'])).toEqual(['1', '2', '3']);
    expect(new Set(sink.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(await eventsOf('hook.executed', 'patient')).toMatchObject([
      { payload: { run_id: run.id, state: 'succeeded', attempt: 3, attempts: 3 } },
    ]);
    expect(await eventsOf('hook.failed', 'patient')).toEqual([]);
  });

  it('ends as failed or dead with the reason, and runs again by hand', async () => {
    await using sink = await startReceiver((_request, response) => void response.writeHead(503).end());
    await install(
      'unlucky',
      `${on('custom.unlucky')}\naction: { type: http, url: "${sink.url}" }\noptions: { retry: { max_attempts: 2, backoff: fixed, initial_ms: 10 } }`,
    );
    await install(
      'never',
      `${on('custom.unlucky')}\n${script("export default () => ({ decision: 'deny', reason: 'not today' });")}`,
    );
    const id = await publish('custom.unlucky');
    const dead = await ended('unlucky', id);
    expect(dead).toMatchObject({ state: 'dead', attempt_count: 2 });
    expect(await ended('never', id)).toMatchObject({ state: 'failed', reason: 'denied', attempt_count: 1 });
    expect(await eventsOf('hook.failed', 'unlucky')).toMatchObject([
      { payload: { run_id: dead.id, state: 'dead', attempts: 2, error: { code: 'http_503' } } },
    ]);
    sink.answerWith((_request, response) => void response.end());
    const replay = await rest('POST', `/runs/${dead.id}/replay`);
    expect([replay.status, replay.body]).toMatchObject([202, { generation: 1 }]);
    await expect.poll(async () => (await rest('GET', `/runs/${dead.id}`)).body.state, WAIT).toBe('succeeded');
    expect((await rest('GET', `/runs/${dead.id}`)).body.attempts).toHaveLength(3);
    expect(await eventsOf('hook.executed', 'unlucky')).toHaveLength(1);
  });

  it('may cause what another hook reacts to, and all of it is one story', async () => {
    await install(
      'chain-first',
      `${on('custom.chain.start')}\npermissions: [events:emit]\n${script("export default ({ event }, crucible) => crucible.events.emit({ type: 'custom.chain.next', payload: { from: event.id } });")}`,
    );
    await install(
      'chain-second',
      `${on('custom.chain.next')}\n${script('export default ({ event }) => event.depth;')}`,
    );
    const { body } = await rest(
      'POST',
      '/events',
      { type: 'custom.chain.start', payload: {} },
      { 'x-correlation-id': 'story-one' },
    );
    const start = body.data[0];
    expect(start.correlation_id).toBe('story-one');
    await ended('chain-first', start.id);
    const { body: next } = await rest('GET', '/events?type=custom.chain.next');
    expect(next.data).toHaveLength(1);
    await ended('chain-second', next.data[0].id);

    const { body: trace } = await rest('GET', `/events/${next.data[0].id}/trace`);
    const story = trace.data.map((event: Record<string, unknown>) => ({
      type: event['type'],
      cause: event['causation_id'],
      depth: event['depth'],
      actor: event['actor'],
    }));
    expect(story).toHaveLength(4);
    expect(story).toEqual(
      expect.arrayContaining([
        { type: 'custom.chain.start', cause: null, depth: 0, actor: expect.any(String) },
        { type: 'custom.chain.next', cause: start.id, depth: 1, actor: 'hook:chain-first' },
        { type: 'hook.executed', cause: start.id, depth: 1, actor: 'hook:chain-first' },
        { type: 'hook.executed', cause: next.data[0].id, depth: 2, actor: 'hook:chain-second' },
      ]),
    );
    for (const event of trace.data) expect(event.correlation_id).toBe('story-one');
    expect((await rest('GET', `/events/${start.id}/trace`)).body.data).toEqual(trace.data);
  });

  it('ends at depth 8 when it reacts to itself', async () => {
    await install(
      'echo',
      `trigger: { events: [{ type: hook.*, when: event.correlation_id == "story-loop" }] }\n${script('export default ({ event }) => event.depth;')}`,
    );
    await install('seed', `${on('custom.loop')}\n${script('export default () => 0;')}`);
    await rest('POST', '/events', { type: 'custom.loop', payload: {} }, { 'x-correlation-id': 'story-loop' });
    const states = async () =>
      (await rest('GET', '/hooks/echo/runs')).body.data
        .toReversed()
        .map((run: { depth: number; state: string; reason: string | null }) => [
          run.depth,
          run.state,
          run.reason,
        ]);
    await expect.poll(async () => (await states()).at(-1), WAIT).toEqual([9, 'skipped', 'loop']);
    expect(await states()).toEqual([
      ...Array.from({ length: 8 }, (_, i) => [i + 1, 'succeeded', null]),
      [9, 'skipped', 'loop'],
    ]);
    await rm(join(hooks, 'echo.md'));
  });
});

describe('a secret', () => {
  it('reaches the receiver, and stands nowhere else', async () => {
    // A receiver that shows back everything it gets: in its answer, in a header, in errors.
    await using sink = await startReceiver(
      (request, response) =>
        void response
          .writeHead(request.path.includes('fail') ? 503 : 200, {
            'content-type': 'application/json',
            'x-echo': Buffer.from(SECRET).toString('base64'),
          })
          .end(JSON.stringify({ output: { got: request.headers.authorization, sent: request.body } })),
    );
    const retry = 'options: { retry: { max_attempts: 2, backoff: fixed, initial_ms: 10 } }';
    const request = (path: string): string =>
      [
        on('custom.secret'),
        'action:',
        '  type: http',
        `  url: "${sink.url}${path}?key={{secrets.URL}}"`,
        '  headers: { Authorization: "Bearer {{secrets.X}}" }',
        '  body: { token: "{{secrets.X}}", title: "{{event.payload.title}}" }',
        retry,
      ].join('\n');
    await install('secret-good', request('/good'));
    await install('secret-fail', request('/fail'));
    await install(
      'secret-nobody',
      `${on('custom.secret')}\naction: { type: http, url: "http://127.0.0.1:9/{{secrets.URL}}" }\n${retry}`,
    );
    await install(
      'secret-shell',
      `${on('custom.secret')}\naction: { type: shell, command: [sh, -c, 'printf %s "$TOKEN" > token.txt; printf %s "$TOKEN"; printf %s "$TOKEN" >&2; exit 1'], env: { TOKEN: "{{secrets.X}}" } }\n${retry}`,
    );
    await install(
      'secret-script',
      `${on('custom.secret')}\n${script('export default ({ inputs }, crucible) => { crucible.log(inputs.token); throw new Error(`no: ${inputs.token}`); };', '  inputs: { token: "{{secrets.X}}" }')}\n${retry}`,
    );
    // No such URL: it holds a space.
    await install(
      'secret-unfit',
      `${on('custom.secret')}\naction: { type: http, url: "http://{{secrets.X}}/" }`,
    );
    await install(
      'secret-missing',
      `${on('custom.secret')}\naction: { type: http, url: "${sink.url}/{{secrets.NONE}}" }`,
    );
    const id = await publish('custom.secret', { title: 'x' });

    const good = await ended('secret-good', id);
    expect(good.state).toBe('succeeded');
    expect(JSON.stringify(good.attempts)).toContain('[secret X]');
    const sent = sink.received.find(({ path }) => path.includes('good'));
    expect(sent?.path).toContain(`key=${URL_SECRET}`);
    expect(sent?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(JSON.parse(sent?.body ?? '')).toEqual({ token: SECRET, title: 'x' });
    expect(await ended('secret-fail', id)).toMatchObject({ state: 'dead' });
    expect(await ended('secret-nobody', id)).toMatchObject({ state: 'dead' });
    expect(await ended('secret-shell', id)).toMatchObject({ state: 'dead' });
    expect(await readFile(join(hooks, 'token.txt'), 'utf8')).toBe(SECRET);
    expect((await ended('secret-script', id)).state).toMatch(/^(dead|failed)$/);
    expect(await ended('secret-missing', id)).toMatchObject({ state: 'failed', attempt_count: 1 });
    // Ours, written by the hook's own command.
    await rm(join(hooks, 'token.txt'));

    const places: Record<string, string> = {
      stderr,
      events: JSON.stringify(await readAll(rest)),
      'GET /hooks': JSON.stringify((await rest('GET', '/hooks')).body),
      'the histories': await historiesOf(temporal),
      ...(await filesBelow(dir)),
      ...(await filesBelow(temporal.dir)),
    };
    for (const name of ['good', 'fail', 'nobody', 'shell', 'script', 'unfit', 'missing'])
      places[`the run of secret-${name}`] = JSON.stringify(await ended(`secret-${name}`, id));
    // The search finds what is there: the event's own id stands in all of these.
    for (const place of ['events', 'the run of secret-good', 'the histories'])
      expect(places[place]).toContain(id);
    expect(leaksIn(places, [SECRET, URL_SECRET])).toEqual([]);
  });
});
