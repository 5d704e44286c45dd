import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHookService } from '../../hooks/registry/service.ts';
import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { createRouter } from '../../router/router.ts';
import { AGENT_TABLES } from '../../src/agents/rows.ts';
import { compileSchema } from '../../src/events/schema-check.ts';
import { generateKey } from '../../src/access/key-format.ts';
import { KEY_TABLE } from '../../src/access/key-row.ts';
import { apiErrorOf, callHeaders, createClient } from '../../src/client/client.ts';
import { defineEvent } from '../../src/client/define-event.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { createTargetReactor } from '../../src/dispatch/reactor.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../../src/dispatch/run.ts';
import { createExplanations } from '../../src/dispatch/explain.ts';
import { createRunService } from '../../src/dispatch/runs.ts';
import { createEgress } from '../../src/egress/create.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import { createCustomTypes } from '../../src/events/custom-types.ts';
import { FILES_TABLES } from '../../src/files/row.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { createLog } from '../../src/log/create-log.ts';
import { createCustomTypeService, CUSTOM_TYPE_TABLE, loadCustomTypes } from '../../src/log/custom-types.ts';
import { createEventService } from '../../src/log/event-service.ts';
import { MEMORY_TABLES } from '../../src/memory/tables.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { createConnectedAgents } from '../../src/stream/connected-agents.ts';
import { eventTypes } from '../../src/main/event-types.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openAccess } from '../../src/main/open-access.ts';
import { agentExecutor, openAgents } from '../../src/main/open-agents.ts';
import { openFiles } from '../../src/main/open-files.ts';
import { openGraph } from '../../src/main/open-graph.ts';
import { openMemory } from '../../src/main/open-memory.ts';
import { openState } from '../../src/main/open-state.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { createDeliveryExecutor } from '../../src/webhooks/delivery.ts';
import { WEBHOOK_TABLE } from '../../src/webhooks/row.ts';
import { createSecretBox } from '../../src/webhooks/secret-box.ts';
import { createWebhookService } from '../../src/webhooks/service.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import { restOf } from '../support/rest.ts';
import type { Rest } from '../support/rest.ts';

/** The API over the real services and a real store; only the workflow engine is left out, so runs stay pending. */
const start = async (dir: string) => {
  const adminKey = generateKey(randomBytes);
  const store = await openSurrealStore({
    url: `rocksdb://${join(dir, 'surreal')}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'test',
    database: 'test',
    holder: 'api-services',
    tables: [
      RUN_TABLE,
      ATTEMPT_TABLE,
      DEFINITION_TABLE,
      HOOK_TABLE,
      WEBHOOK_TABLE,
      KEY_TABLE,
      CUSTOM_TYPE_TABLE,
      ...GRAPH_TABLES,
      ...AGENT_TABLES,
      ...MEMORY_TABLES,
      ...FILES_TABLES,
    ],
    logger,
  });
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({
    store,
    reactor,
    clock,
    logger,
    upcast: catalogue.upcast,
  });
  const egress = createEgress({ policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true }, logger });
  const sandbox = createSandbox({ logger });
  const box = createSecretBox(randomBytes(32));
  const closers = createClosers(logger);
  const { access, keys } = await openAccess({ adminKey, jwt: undefined, log, egress, logger }, closers);
  const custom = createCustomTypes(compileSchema);
  await loadCustomTypes(log.records, custom, logger);
  const writer = openState(log);
  const runs = createRunService({
    log,
    clock,
    policies: createPolicies(log.records, {
      webhook: createDeliveryExecutor({ log, egress, box, newId, clock, logger, version: '1.2.3' }),
      agent: agentExecutor(
        { readSecret: () => undefined, version: '1.2.3' },
        {
          egress,
          sandbox,
          targetOf: (id) => reactor.targets().get(id),
          connections: createConnectedAgents(),
        },
      ),
    }),
  });
  const { memory, documents } = openMemory(
    { log, writer, logger, semantic: { search: async () => undefined }, accessed: 'off' },
    closers,
  );
  const services = {
    memory,
    ...openAgents({ log, writer, egress, sandbox, runs, logger }, closers),
    keys,
    events: createEventService({ log, catalogue, custom, newId }),
    files: openFiles(
      { config: { dataDir: join(dir, 'data'), filesWatch: [], filesIgnore: [] }, logger },
      {
        log,
        writer,
        documents,
      },
      closers,
    ),
    graph: openGraph({ log, writer }, closers),
    hooks: createHookService({
      log,
      catalogue,
      sandbox,
      egress,
      clock,
      newId,
      directory: dir,
      systemOrigin: () => ({
        source: { kind: 'system', component: 'hooks' },
        actor: 'system:hooks',
        world: 'default',
        correlation_id: newId('cor'),
        causation_id: null,
        depth: 0,
      }),
    }),
    webhooks: createWebhookService({ log, egress, box, newId, clock }),
    runs,
    explanations: createExplanations({ targets: reactor.targets, runs }),
    eventTypes: () => eventTypes(catalogue, custom),
    customTypes: createCustomTypeService({ log, types: custom, compile: compileSchema, clock, newId }),
    workflowUrl: () => undefined,
    version: '1.2.3',
  };
  const http = createHttpServer({
    router: createRouter({ ...services, feed: fakeServices().services.feed }),
    services,
    access,
    health: { components: () => [{ name: 'log', state: 'ready' }] },
    logger,
    version: '1.2.3',
  });
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 });
  const close = async (): Promise<void> => {
    await http.close(1000);
    await closers.closeAll();
    await sandbox.close();
    await egress.close();
    await log.close();
    await store.close();
  };
  return { url, rest: restOf(url, adminKey), client: createClient({ url, key: adminKey }), close };
};

let dir = '';
let api: Awaited<ReturnType<typeof start>>;
let rest: Rest;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-api-'));
  api = await start(dir);
  rest = api.rest;
});
afterAll(async () => {
  await api.close();
  await rm(dir, { recursive: true, force: true });
});

const note = (title: string, more: object = {}) => ({
  type: 'custom.note.imported',
  payload: { title, ...more },
});

describe('events', () => {
  test('what is published is there, by id, in the list, in a query, in its story', async () => {
    const published = await rest(
      'POST',
      '/events',
      { events: [note('A', { tags: ['#ai'] }), note('B')] },
      { 'x-correlation-id': 'cor_story-1' },
    );
    expect(published.status).toBe(201);
    const [a, b] = published.body.data;
    expect(b.position).toBe(a.position + 1);
    expect((await rest('GET', `/events/${a.id}`)).body).toMatchObject({
      id: a.id,
      actor: 'user:admin',
      world: 'default',
      payload: { title: 'A', tags: ['#ai'] },
    });
    expect(
      (await rest('GET', '/events?types=custom.*&limit=2')).body.data.map(
        (event: { id: string }) => event.id,
      ),
    ).toEqual([b.id, a.id]);
    const found = await rest('POST', '/events/query', {
      type: 'custom.note.imported',
      filter: { tags: { contains: '#ai' } },
    });
    expect(found.body.data.map((event: { id: string }) => event.id)).toEqual([a.id]);
    expect((await rest('GET', `/events/${b.id}/trace`)).body.data).toHaveLength(2);
  });

  test('reads give CloudEvents where that is asked for', async () => {
    const published = await rest('POST', '/events', { ...note('C'), subject: 'note-c' });
    const [{ id, position }] = published.body.data;
    const cloudEvent = {
      specversion: '1.0',
      id,
      source: '/worlds/default/user/admin',
      type: 'custom.note.imported',
      subject: 'note-c',
      sequence: String(position).padStart(20, '0'),
      data: { title: 'C' },
    };
    const one = await rest('GET', `/events/${id}?format=cloudevents`);
    expect(one).toMatchObject({ status: 200, body: cloudEvent });
    expect(one.body).not.toHaveProperty('payload');
    const pages = [
      await rest('GET', '/events?subject=note-c&format=cloudevents'),
      await rest('POST', '/events/query', { subject: 'note-c', format: 'cloudevents' }),
      await rest('GET', `/events/${id}/trace?format=cloudevents&limit=1`),
    ];
    for (const { body } of pages) expect(body.data).toMatchObject([cloudEvent]);
    expect((await rest('GET', `/events/${id}?format=crucible`)).body).toMatchObject({
      payload: { title: 'C' },
    });
    expect((await rest('GET', `/events/${id}?format=avro`)).body).toMatchObject({
      code: 'invalid',
      errors: [{ path: 'format' }],
    });
  });

  test('filters take every spelling of a type', async () => {
    const [{ id }] = (await rest('POST', '/events', { type: 'custom.spelling', payload: {} })).body.data;
    for (const filter of [
      { event_type: 'Custom.Spelling' },
      { type: 'custom.spelling' },
      { type: 'Custom', event: 'Spelling' },
    ]) {
      const { body } = await rest('POST', '/events/query', { filters: [filter] });
      expect(body.data.map((event: { id: string }) => event.id)).toEqual([id]);
    }
    expect((await rest('POST', '/events/query', { filters: [{ when: 'true' }] })).body).toMatchObject({
      code: 'invalid',
      errors: [{ path: 'filters.0.event_type' }],
    });
  });

  test('the same key and bytes: the same answer, stored once; other bytes: refused', async () => {
    const send = (body: object) => rest('POST', '/events', body, { 'idempotency-key': 'once' });
    const first = await send(note('once'));
    const again = await send(note('once'));
    expect(again.status).toBe(201);
    expect(again.body.data[0]).toEqual({ ...first.body.data[0], duplicate: true });
    expect(await send(note('other'))).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    // Another world is another scope.
    const elsewhere = await rest('POST', '/events', note('other'), {
      'idempotency-key': 'once',
      'x-crucible-world': 'work',
    });
    expect(elsewhere.body.data[0].duplicate).toBe(false);
    expect(
      (
        await rest('GET', `/events/${elsewhere.body.data[0].id}`, undefined, {
          'x-crucible-world': 'default',
        })
      ).status,
    ).toBe(404);
  });

  test('a cause gives depth and story', async () => {
    const [cause] = (await rest('POST', '/events', note('cause'))).body.data;
    const [effect] = (await rest('POST', '/events', note('effect'), { 'x-crucible-causation-id': cause.id }))
      .body.data;
    expect((await rest('GET', `/events/${effect.id}`)).body).toMatchObject({
      causation_id: cause.id,
      depth: 1,
      correlation_id: cause.correlation_id,
    });
  });

  test.each([
    ['a reserved family', { type: 'memory.created', payload: {} }, 403, 'reserved_type', 'type'],
    ['no type of ours', { type: 'nonsense', payload: {} }, 422, 'unknown_event_type', 'type'],
    [
      'the second of two',
      { events: [note('x'), { type: 'nonsense', payload: {} }] },
      422,
      'unknown_event_type',
      'events.1.type',
    ],
    ['an id that is none', { ...note('x'), id: 'mine' }, 422, 'invalid', 'id'],
  ])('%s is refused, and nothing is stored', async (_name, body, status, code, path) => {
    const before = (await rest('GET', '/events?limit=1')).body.data[0].position;
    const answer = await rest('POST', '/events', body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.body.errors[0].path).toBe(path);
    expect((await rest('GET', '/events?limit=1')).body.data[0].position).toBe(before);
  });

  test.each([
    ['cursor=forged', 400, 'bad_cursor'],
    ['types=nonsense', 422, 'unknown_event_type'],
    ['type=nonsense.x', 422, 'unknown_event_type'],
    ['source=nobody', 422, 'invalid'],
  ])('GET /events?%s is %i %s', async (search, status, code) => {
    expect(await rest('GET', `/events?${search}`)).toMatchObject({ status, body: { code } });
  });

  test('SurrealQL inside an id is only an id', async () => {
    for (const id of ["x'; REMOVE TABLE commit; --", 'commit:1', '⟨x⟩', '`x`', '$auth', '(1+1)']) {
      expect((await rest('GET', `/events/${encodeURIComponent(id)}`)).status).toBe(404);
      expect((await rest('GET', `/runs/${encodeURIComponent(id)}`)).status).toBe(404);
      expect((await rest('GET', `/webhooks/${encodeURIComponent(id)}`)).status).toBe(404);
      expect((await rest('GET', `/hooks/${encodeURIComponent(id)}`)).status).toBe(404);
    }
    expect((await rest('GET', '/events?limit=1')).body.data).toHaveLength(1);
  });

  test('a catastrophic expression answers, and 50,000 terms are refused', async () => {
    const matches = (pattern: string) =>
      rest('POST', '/events/query', { type: 'custom.*', filter: { title: { matches: pattern } } });
    await rest('POST', '/events', note('a'.repeat(50_000)));
    expect((await matches('^(a+)+$')).status).toBe(200);
    const filter = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, 1]));
    expect(await rest('POST', '/events/query', { type: 'custom.*', filter })).toMatchObject({ status: 422 });
  });

  test('issues of a lone filter have the paths that were given', async () => {
    const answer = await rest('POST', '/events/query', { type: 'custom.*', when: 'event.payload.(' });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'when' }] } });
  });

  test('the catalogue lists every type with its schema', async () => {
    const { body } = await rest('GET', '/event-types');
    expect(body.data.length).toBeGreaterThan(40);
    for (const entry of body.data) expect(entry.schema).toMatchObject({ type: 'object' });
  });
});

describe('webhooks and their deliveries', () => {
  test('from creation to the run of the very next event', async () => {
    const input = {
      name: 'notes',
      url: 'http://127.0.0.1:9/hook',
      filters: [{ event_type: 'custom.delivery' }],
      auth: { type: 'bearer', token: 'tok_secret_1234' },
    };
    const created = await rest('POST', '/webhooks', input, { 'idempotency-key': 'hook-1' });
    expect(created).toMatchObject({
      status: 201,
      body: {
        name: 'notes',
        status: 'active',
        secret: expect.stringMatching(/^whsec_/),
        worlds: ['default'],
      },
    });
    const { id, secret } = created.body;

    const repeated = await rest('POST', '/webhooks', input, { 'idempotency-key': 'hook-1' });
    expect(repeated).toMatchObject({ status: 201, body: { id, secret: null } });

    const [event] = (await rest('POST', '/events', { type: 'custom.delivery', payload: {} })).body.data;
    const deliveries = await rest('GET', `/webhooks/${id}/deliveries`);
    expect(deliveries.body.data).toMatchObject([
      { event_id: event.id, state: 'pending', target: `webhook:${id}`, attempt_count: 0 },
    ]);
    const run = await rest('GET', `/runs/${deliveries.body.data[0].id}`);
    expect(run).toMatchObject({ status: 200, body: { attempts: [], definition: { url: input.url } } });
    expect(await rest('POST', `/runs/${run.body.id}/replay`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });

    const shown = [
      await rest('GET', `/webhooks/${id}`),
      await rest('GET', '/webhooks'),
      run,
      await rest('GET', '/events?limit=1000'),
    ];
    for (const { body } of shown) {
      expect(JSON.stringify(body)).not.toContain(secret.slice(6, -4));
      expect(JSON.stringify(body)).not.toContain('tok_secret');
    }
    expect((await rest('GET', `/webhooks/${id}`, undefined, { 'x-crucible-world': 'work' })).status).toBe(
      404,
    );
    expect((await rest('DELETE', `/webhooks/${id}`)).status).toBe(204);
    expect((await rest('GET', `/webhooks/${id}`)).status).toBe(404);
  });

  test.each([
    'http://10.0.0.1/',
    'http://169.254.169.254/latest',
    'ftp://example.org/',
    'http://user:pass@example.org/',
    'http://[::ffff:10.0.0.1]/',
    'http://167772161/',
  ])('%s is not taken as a target', async (url) => {
    const answer = await rest('POST', '/webhooks', { url, filters: [{ event_type: '*' }] });
    expect(answer.status).toBe(422);
    expect(['egress_denied', 'invalid']).toContain(answer.body.code);
  });
});

describe('the bounds of a webhook in the document', () => {
  test.each<[field: string, least: number, most: number, given: (bound: number) => object]>([
    ['timeout_ms', 100, 60_000, (bound) => ({ options: { timeout_ms: bound } })],
    ['max_in_flight', 1, 256, (bound) => ({ options: { max_in_flight: bound } })],
    ['max_attempts', 1, 50, (bound) => ({ options: { retry: { max_attempts: bound } } })],
    ['name', 1, 100, (bound) => ({ name: 'n'.repeat(bound) })],
  ])('are those that it is judged by: %s', async (field, least, most, given) => {
    const base = {
      url: 'http://127.0.0.1:9/bounds',
      filters: [{ event_type: 'custom.bounds' }],
      enabled: false,
    };
    for (const bound of [least, most])
      expect((await rest('POST', '/webhooks', { ...base, ...given(bound) })).status).toBe(201);
    const document = (await rest('GET', '/openapi.json')).body;
    const { properties } = document.paths['/webhooks'].post.requestBody.content['application/json'].schema;
    const { options } = properties;
    const bounds =
      properties[field] ?? options.properties[field] ?? options.properties.retry.properties[field];
    expect([bounds.minimum ?? bounds.minLength, bounds.maximum ?? bounds.maxLength]).toEqual([least, most]);
  });
});

describe('hooks', () => {
  const hook = {
    name: 'notify-important',
    trigger: { events: [{ event_type: 'custom.important' }] },
    action: { type: 'http', method: 'POST', url: 'http://127.0.0.1:9/' },
  };

  test('a key makes a creation and a replay happen once', async () => {
    const key = { 'idempotency-key': 'repeat-1' };
    const input = { ...hook, name: 'repeated', trigger: { events: [{ event_type: 'custom.repeated' }] } };
    const first = await rest('POST', '/hooks', { ...input, enabled: false }, key);
    const again = await rest('POST', '/hooks', { ...input, enabled: false }, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect((await rest('POST', '/hooks', input, key)).body).toMatchObject({ code: 'idempotency_key_reused' });

    await rest('POST', '/events', { type: 'custom.repeated', payload: {} });
    const [run] = (await rest('GET', '/hooks/repeated/runs')).body.data;
    expect(run).toMatchObject({ state: 'skipped', generation: 0 });
    const replays = [
      await rest('POST', `/runs/${run.id}/replay`, undefined, key),
      await rest('POST', `/runs/${run.id}/replay`, undefined, key),
    ];
    expect(replays).toMatchObject([
      { status: 202, body: { id: run.id, state: 'pending', generation: 1 } },
      { status: 202, body: { id: run.id, state: 'pending', generation: 1 } },
    ]);
    expect(await rest('POST', `/runs/${run.id}/replay`)).toMatchObject({
      status: 409,
      body: { code: 'conflict', detail: expect.stringContaining('is pending') },
    });
  });

  test('their life, by REST', async () => {
    expect(await rest('POST', '/hooks', hook)).toMatchObject({
      status: 201,
      body: {
        id: 'notify-important',
        enabled: true,
        file: null,
        definition: { worlds: ['default'], trigger: { timing: 'post' } },
      },
    });
    expect(await rest('POST', '/hooks', hook)).toMatchObject({
      status: 409,
      body: { code: 'already_exists' },
    });
    await rest('POST', '/events', { type: 'custom.important', payload: {} });
    expect((await rest('GET', '/hooks/notify-important/runs?state=pending')).body.data).toHaveLength(1);
    expect((await rest('POST', '/hooks/notify-important/disable')).body).toMatchObject({ enabled: false });
    await rest('POST', '/events', { type: 'custom.important', payload: {} });
    expect((await rest('GET', '/hooks/notify-important/runs')).body.data).toMatchObject([
      { state: 'skipped', reason: 'disabled' },
      { state: 'pending' },
    ]);
    expect(
      (await rest('PUT', '/hooks/notify-important', { ...hook, description: 'new' })).body,
    ).toMatchObject({ definition: { description: 'new' } });
    expect((await rest('DELETE', '/hooks/notify-important')).status).toBe(204);
    expect((await rest('GET', '/hooks/notify-important')).status).toBe(404);
  });

  test('everything that is wrong is said at once', async () => {
    const answer = await rest('POST', '/hooks', {
      name: 'Bad Name',
      trigger: { events: [{ event_type: 'nonsense.x' }] },
      action: { type: 'http' },
      colour: 'red',
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid' } });
    const paths = answer.body.errors.map((issue: { path: string }) => issue.path);
    for (const path of ['name', 'trigger.events.0', 'action', 'colour'])
      expect(paths.some((one: string) => one.startsWith(path))).toBe(true);
  });

  test('a file is checked without being registered, with lines', async () => {
    const text =
      '---\nname: x\ntrigger:\n  evnts: []\naction: { type: http, url: "http://127.0.0.1/" }\n---\n';
    const answer = await rest('POST', '/hooks/validate', { text, file: 'x.md' });
    expect(answer).toMatchObject({ status: 200, body: { valid: false } });
    expect(answer.body.errors.some((issue: { line?: number }) => issue.line === 4)).toBe(true);
    expect((await rest('POST', '/hooks/validate', { definition: hook })).body).toEqual({
      valid: true,
      errors: [],
    });
  });
});

describe('runs', () => {
  test('are listed by target and by event, and cancelled once', async () => {
    const hook = (name: string, enabled: boolean) => ({
      name,
      enabled,
      trigger: { events: [{ event_type: 'custom.cancelled' }] },
      action: { type: 'http', method: 'POST', url: 'http://127.0.0.1:9/' },
    });
    await rest('POST', '/hooks', hook('cancel-a', true));
    await rest('POST', '/hooks', hook('cancel-b', false));
    const publish = async (): Promise<string> =>
      (await rest('POST', '/events', { type: 'custom.cancelled', payload: {} })).body.data[0].id;
    const id = await publish();
    await publish();
    const ofEvent = (await rest('GET', `/runs?event_id=${id}`)).body;
    expect(ofEvent).toMatchObject({
      data: [
        { target: 'hook:cancel-a', state: 'pending' },
        { target: 'hook:cancel-b', state: 'skipped' },
      ],
      next_cursor: null,
    });
    const first = (await rest('GET', `/runs?event_id=${id}&limit=1`)).body;
    expect(first.data).toHaveLength(1);
    const second = await rest('GET', `/runs?event_id=${id}&limit=1&cursor=${first.next_cursor}`);
    expect(second.body).toMatchObject({ data: [{ target: 'hook:cancel-b' }], next_cursor: null });
    expect((await rest('GET', `/runs?event_id=${id}&state=skipped`)).body.data).toHaveLength(1);
    expect((await rest('GET', '/runs?target=hook:cancel-a&state=pending')).body.data).toHaveLength(2);
    expect(await rest('GET', '/runs?event_id=evt_unknown')).toMatchObject({
      status: 422,
      body: { code: 'invalid', errors: [{ path: 'event_id' }] },
    });
    for (const search of ['', `?event_id=${id}&target=hook:cancel-a`])
      expect((await rest('GET', `/runs${search}`)).status).toBe(422);

    const run = ofEvent.data[0].id;
    const cancel = (key: string) =>
      rest('POST', `/runs/${run}/cancel`, undefined, { 'idempotency-key': key });
    const cancelled = await cancel('cancel-1');
    expect(cancelled).toMatchObject({
      status: 200,
      body: { id: run, state: 'cancelled', reason: 'cancelled', finished_at: expect.any(String) },
    });
    expect((await cancel('cancel-1')).body).toEqual(cancelled.body);
    expect(await cancel('cancel-2')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await rest('GET', `/runs/${run}`)).body).toMatchObject({ state: 'cancelled', due_at: null });
    const told = await rest('GET', `/events?type=hook.failed&subject=hook:cancel-a`);
    expect(told.body.data).toMatchObject([
      { payload: { run_id: run, state: 'cancelled' }, causation_id: id },
    ]);
    expect((await rest('POST', `/runs/${run}/replay`)).body).toMatchObject({
      state: 'pending',
      generation: 1,
    });
  });

  test('a hook is switched once a key, and answers the same', async () => {
    await rest('POST', '/hooks', {
      name: 'switched',
      trigger: { events: [{ event_type: 'custom.switched' }] },
      action: { type: 'http', method: 'POST', url: 'http://127.0.0.1:9/' },
    });
    const change = (verb: string, key: string) =>
      rest('POST', `/hooks/switched/${verb}`, undefined, { 'idempotency-key': key });
    const off = await change('disable', 'switch-1');
    expect(off).toMatchObject({ status: 200, body: { enabled: false } });
    expect((await rest('GET', '/hooks/switched')).body).toEqual(off.body);
    await change('enable', 'switch-2');
    expect((await change('disable', 'switch-1')).body).toEqual(off.body);
    expect((await rest('GET', '/hooks/switched')).body).toMatchObject({ enabled: true });
    // What changes nothing is remembered as well.
    const on = await change('enable', 'switch-3');
    await rest('POST', '/hooks/switched/disable');
    expect((await change('enable', 'switch-3')).body).toEqual(on.body);
    expect((await rest('GET', '/hooks/switched')).body).toMatchObject({ enabled: false });
  });
});

describe('types of their own', () => {
  const schema = {
    type: 'object',
    properties: {
      title: { type: 'string', pattern: '^(a+)+$' },
      tags: { type: 'array', items: { type: 'string' } },
    },
    required: ['title'],
    additionalProperties: false,
  };
  const put = (version: string, over: object = {}, type = 'custom.laid.down') =>
    rest('PUT', `/event-types/${type}`, { version, schema: { ...schema, ...over } });
  const publish = (payload: object, version?: string) =>
    rest('POST', '/events', { type: 'custom.laid.down', payload, ...(version !== undefined && { version }) });

  test('are enforced from the answer on, version by version', async () => {
    expect((await publish({ anything: 1 })).status).toBe(201);
    expect(await put('1.0.0', {}, 'Custom.Laid.Down')).toMatchObject({
      status: 200,
      body: { type: 'custom.laid.down', version: '1.0.0', versions: ['1.0.0'], schema, example: null },
    });
    const wrong = await publish({ title: 5, tags: ['x', 1], more: true });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'schema_mismatch' } });
    expect(wrong.body.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      'payload.more',
      'payload.tags.1',
      'payload.title',
    ]);
    // Linear in the text, whatever the pattern.
    expect((await publish({ title: `${'a'.repeat(50_000)}b` })).status).toBe(422);
    const [{ id }] = (await publish({ title: 'a' })).body.data;
    expect((await rest('GET', `/events/${id}`)).body.version).toBe('1.0.0');

    const wider = { properties: { ...schema.properties, more: { type: 'boolean' } } };
    expect((await put('1.1.0', wider)).body.versions).toEqual(['1.0.0', '1.1.0']);
    const [newest] = (await publish({ title: 'a', more: true })).body.data;
    expect((await rest('GET', `/events/${newest.id}`)).body.version).toBe('1.1.0');
    expect((await publish({ title: 'a', more: true }, '1.0.0')).status).toBe(422);
    expect((await publish({ title: 'a' }, '1.0.0')).status).toBe(201);
    expect((await publish({ title: 'a' }, '3.0.0')).body.errors).toMatchObject([{ path: 'version' }]);

    const broken = await put('1.2.0', { required: ['title', 'tags'] });
    expect(broken).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(broken.body.errors.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['schema.required', 'schema.properties.more']),
    );
    expect((await put('1.0.0')).status).toBe(200);
    expect((await put('1.0.0', wider)).status).toBe(409);
    expect((await put('1.0.5', wider)).status).toBe(409);
    expect((await put('2.0.0', { required: [] })).status).toBe(200);
    expect((await publish({})).status).toBe(201);

    expect((await rest('GET', '/event-types/custom.laid.down')).body).toMatchObject({ version: '2.0.0' });
    expect((await rest('GET', '/event-types/custom.laid.down?version=1.0.0')).body).toMatchObject({ schema });
    expect((await rest('GET', '/event-types/custom.laid.down?version=9.0.0')).status).toBe(404);
    expect((await rest('GET', '/event-types/custom.unheard')).status).toBe(404);
    expect((await rest('GET', '/event-types/memory.created')).body).toMatchObject({ type: 'memory.created' });
    const names: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await rest('GET', `/event-types?limit=9${cursor === '' ? '' : `&cursor=${cursor}`}`);
      names.push(...body.data.map(({ type }: { type: string }) => type));
      cursor = body.next_cursor;
    }
    expect(names).toEqual([...new Set(names)]);
    expect(names).toEqual(expect.arrayContaining(['memory.created', 'custom.laid.down']));
  });

  test.each<[string, string, object, number, string, string?]>([
    ['a type of ours', 'memory.created', {}, 403, 'reserved_type'],
    ['no type', 'nonsense', {}, 422, 'unknown_event_type'],
    ['a version that is none', 'custom.bad', { version: '1.0' }, 422, 'invalid', 'version'],
    [
      'a schema of something else',
      'custom.bad',
      { schema: { type: 'string' } },
      422,
      'invalid',
      'schema.type',
    ],
    [
      'a keyword that is none',
      'custom.bad',
      { schema: { type: 'object', propertys: {} } },
      422,
      'invalid',
      'schema',
    ],
    [
      'a reference elsewhere',
      'custom.bad',
      { schema: { type: 'object', $ref: 'http://x.test/' } },
      422,
      'invalid',
      'schema.$ref',
    ],
    ['an example that does not fit', 'custom.bad', { example: {} }, 422, 'invalid', 'example'],
  ])('%s is refused', async (_name, type, over, status, code, path) => {
    const answer = await rest('PUT', `/event-types/${type}`, { version: '1.0.0', schema, ...over });
    expect(answer).toMatchObject({ status, body: { code } });
    const paths = (answer.body.errors ?? []).map((issue: { path: string }) => issue.path);
    expect(path === undefined || paths.includes(path)).toBe(true);
  });

  test('at once, one of two contradicting registrations holds', async () => {
    const both = await Promise.all([
      put('1.0.0', {}, 'custom.raced'),
      put('1.0.0', { required: [] }, 'custom.raced'),
    ]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  test('by defineEvent, with their TypeScript type', async () => {
    const noted = defineEvent({
      type: 'custom.by.client',
      version: '1.0.0',
      schema: z.strictObject({ title: z.string(), from: z.email().optional() }),
    });
    await noted.register(api.client);
    await noted.register(api.client);
    const { id } = await noted.publish(api.client, { title: 'x', from: 'a@example.org' }, { subject: 's' });
    const event = await api.client.events.get.query({ id });
    expect(noted.is(event) ? (event.payload.title satisfies string) : undefined).toBe('x');
    expect(noted.is({ type: 'custom.by.client', payload: { title: 1 } })).toBe(false);
    // @ts-expect-error a title is a text
    const refused = noted.publish(api.client, { title: 1 }).catch((thrown: unknown) => apiErrorOf(thrown));
    expect(await refused).toMatchObject({ code: 'schema_mismatch', errors: [{ path: 'payload.title' }] });
  });
});

describe('why', () => {
  test('a target did or did not react, clause by clause, and the run there is', async () => {
    const hook = (name: string, over: object = {}) => ({
      name,
      enabled: false,
      trigger: { events: [{ event_type: 'custom.why.*', filter: { n: { greater_than: 3 } } }] },
      action: { type: 'http', method: 'POST', url: 'http://127.0.0.1:9/' },
      ...over,
    });
    for (const one of [hook('why-a'), hook('why-b', { condition: { when: 'event.payload.n == 9' } })])
      expect((await rest('POST', '/hooks', one)).status).toBe(201);
    const publish = async (n: number): Promise<string> =>
      (await rest('POST', '/events', { type: 'custom.why.asked', payload: { n } })).body.data[0].id;
    const few = await publish(1);
    const many = await publish(5);
    const why = (id: string, search: string) => rest('GET', `/events/${id}/explain${search}`);

    expect((await why(few, '?target=hook:why-a')).body).toMatchObject({
      data: [
        {
          target: 'hook:why-a',
          matches: false,
          effect: 'none',
          run: null,
          because: expect.stringMatching(/^filters\.0\.filter\.n\.greater_than: the field is 1;/),
          clauses: expect.arrayContaining([
            expect.objectContaining({ clause: 'world', holds: true }),
            expect.objectContaining({ clause: 'filters.0.event_type', holds: true }),
            expect.objectContaining({ clause: 'enabled', holds: false }),
          ]),
        },
      ],
      next_cursor: null,
    });
    expect((await why(many, '?target=hook:why-a')).body.data).toMatchObject([
      {
        matches: true,
        effect: 'skipped',
        run: { state: 'skipped', reason: 'disabled' },
        changed_since: false,
      },
    ]);
    expect((await why(many, '?target=hook:why-b')).body.data).toMatchObject([
      { matches: false, because: expect.stringMatching(/^filters\.0\.when: /) },
    ]);
    // All of them, page by page.
    const first = await why(many, '?limit=1');
    expect(first.body.data).toHaveLength(1);
    const targets: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await why(many, `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      targets.push(...page.body.data.map(({ target }: { target: string }) => target));
      cursor = page.body.next_cursor;
    }
    expect(targets).toEqual([...new Set(targets)].sort());
    expect(targets).toEqual(expect.arrayContaining(['hook:why-a', 'hook:why-b']));
    // A target that is gone left its run; one that never was is not found.
    await rest('DELETE', '/hooks/why-a');
    expect((await why(many, '?target=hook:why-a')).body.data).toMatchObject([
      { exists: false, matches: false, run: { state: 'skipped' } },
    ]);
    expect(await why(few, '?target=hook:why-a')).toMatchObject({
      status: 422,
      body: { code: 'invalid', errors: [{ path: 'target' }] },
    });
    expect((await why('evt_unknown', '')).status).toBe(404);
    const elsewhere = await rest('GET', `/events/${many}/explain`, undefined, { 'x-crucible-world': 'work' });
    expect(elsewhere.status).toBe(404);
  });
});

describe('the typed client', () => {
  test('sees the same events and the same errors', async () => {
    const { data } = await api.client.events.publish.mutate(note('by client'), {
      context: callHeaders({ idempotencyKey: 'client-1' }),
    });
    const id = data[0]?.id ?? '';
    expect(await api.client.events.get.query({ id })).toMatchObject({ payload: { title: 'by client' } });
    const error = await api.client.events.publish
      .mutate({ type: 'memory.created', payload: {} })
      .catch((thrown: unknown) => apiErrorOf(thrown));
    expect(error).toMatchObject({ code: 'reserved_type' });
  });
});
