import type { KeyView } from '../../src/access/keys.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import type { CustomVersion } from '../../src/events/custom-types.ts';
import type { FileRow } from '../../src/files/row.ts';
import type { Run } from '../../src/dispatch/run.ts';
import type { RunDetail } from '../../src/dispatch/run-service.ts';
import { currentOrigin } from '../../src/kernel/context.ts';
import { CrucibleError } from '../../src/kernel/errors.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import type { MemoryDetail } from '../../src/memory/memory.ts';
import type { WebhookInput, WebhookView } from '../../src/webhooks/webhook.ts';
import type { HookScope, HookView } from '../../hooks/service.ts';
import type { Services } from '../services.ts';
import { fakeAgents } from './fake-agents.ts';

/** One call of a service, as the API made it. */
export interface ServiceCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly origin: Origin | undefined;
}

export const sampleEvent: CrucibleEvent = {
  id: 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab',
  type: 'custom.note.imported',
  version: '1.0.0',
  position: 7,
  timestamp: '2026-11-24T10:30:00.123Z',
  source: { kind: 'user', user_id: 'admin' },
  actor: 'user:admin',
  subject: null,
  correlation_id: 'cor_story',
  causation_id: null,
  depth: 3,
  world: 'default',
  room: null,
  payload: { title: 'Deep Learning' },
};

export const sampleRun: Run = {
  id: 'run_01932f6e-7c1a-7d3e-8f00-1234567890ab',
  kind: 'webhook',
  target: 'webhook:whk_1',
  definition: 'abc',
  event_id: sampleEvent.id,
  event_type: sampleEvent.type,
  event_position: 7,
  newest: -7,
  world: 'default',
  correlation_id: 'cor_story',
  depth: 3,
  key: null,
  order: '000000000000007:webhook:whk_1',
  error: null,
  generation: 0,
  state: 'dead',
  reason: 'timeout',
  workflow_id: 'webhook:whk_1:evt_1',
  temporal_run_id: null,
  claim: 'never shown',
  due_at: null,
  sweep_at: 1,
  attempts: 1,
  created_at: Date.UTC(2026, 10, 24),
  started_at: Date.UTC(2026, 10, 24, 0, 0, 1),
  finished_at: null,
};

const detail: RunDetail = {
  run: sampleRun,
  attempts: [
    {
      id: 'x',
      run_id: sampleRun.id,
      generation: 0,
      number: 1,
      started_at: sampleRun.created_at,
      duration_ms: 12,
      outcome: 'failed',
      error: { code: 'timeout', message: 'No answer' },
      detail: { status: 504 },
    },
  ],
  definition: { url: 'https://example.org' },
};

const sampleHook = (name: string, worlds: readonly string[] = ['default']): HookView => ({
  id: name,
  definition: {
    name,
    description: '',
    version: '1.0.0',
    enabled: true,
    worlds,
    trigger: { timing: 'post', phase: 'validate', order: 100, events: [{ event_type: '*' }] },
    condition: { timeout_ms: 1000 },
    action: { type: 'http', method: 'POST', url: 'https://example.org' },
    permissions: [],
    options: {
      timeout_ms: 1,
      retry: { max_attempts: 1, backoff: 'fixed', initial_ms: 1, max_ms: 1 },
      async: true,
      trace: false,
    },
    tests: [],
    documentation: '',
  },
  hash: 'abc',
  enabled: true,
  file: null,
  errors: [],
  created_at: 0,
  updated_at: 0,
});

const sampleWebhook = (id: string, input: Partial<WebhookInput> = {}): WebhookView => ({
  id,
  name: input.name ?? 'hook',
  url: input.url ?? 'https://example.org',
  enabled: true,
  paused: false,
  filters: input.filters ?? [{ event_type: '*' }],
  worlds: input.worlds ?? ['default'],
  auth: null,
  secret_hint: '…aSw',
  options: {
    retry: {},
    timeout_ms: 15_000,
    headers: {},
    format: 'crucible',
    max_in_flight: 8,
    ...input.options,
  },
  status: 'active',
  created_at: 0,
  updated_at: 0,
});

const sampleKey: KeyView = {
  id: 'key_4f9QkXw2LmT7',
  name: 'ci',
  role: 'reader',
  scopes: null,
  worlds: ['default'],
  agent: null,
  expires_at: null,
  created_at: 0,
  created_by: 'admin',
  last_used_at: null,
};

const sampleType: CustomVersion = {
  id: 'custom.note.imported@1.0.0',
  type: 'custom.note.imported',
  version: '1.0.0',
  description: '',
  schema: { type: 'object' },
  example: null,
  created_at: 0,
};

const sampleFile: FileRow = {
  id: 'default/file:9f86d081884c7d65',
  world: 'default',
  root: '/vault',
  path: 'a.md',
  size: 3,
  mtime_ms: 0,
  hash: 'abc',
  stamp: 'never shown',
  memory_id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  node: 'file:9f86d081884c7d65',
  error: null,
  revision: 1,
  created_at: 0,
  updated_at: 0,
};

const missing = (what: string): never => {
  throw new CrucibleError('not_found', `There is no ${what}`);
};

const sampleMemory: MemoryDetail = {
  id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  world: 'default',
  name: null,
  title: 'Attention',
  content: '# Attention',
  hash: 'a'.repeat(64),
  metadata: {},
  tags: ['#ai'],
  issues: [],
  consolidated_into: null,
  file: null,
  created_by: 'user:alice',
  created_at: 0,
  updated_at: 0,
  links: [],
  backlinks: [],
  more_backlinks: false,
};
const memoryOf = (id: string): MemoryDetail => (id === sampleMemory.id ? sampleMemory : missing('memory'));

/** Services that answer samples and record what the API asked of them: for the mechanics of HTTP, nothing else. */
export const fakeServices = (
  overrides: Partial<Services> = {},
): { readonly services: Services; readonly calls: ServiceCall[] } => {
  const calls: ServiceCall[] = [];
  const record = (name: string, ...args: unknown[]): void => {
    calls.push({ name, args, origin: currentOrigin() });
  };
  const hooks = new Map(['a', 'b', 'c', 'validate'].map((name) => [name, sampleHook(name)]));
  const isSeen = ({ worlds }: HookScope): boolean => worlds === undefined || worlds.includes('default');
  const hookOf = (id: string, scope: HookScope = {}): HookView =>
    (isSeen(scope) ? hooks.get(id) : undefined) ?? missing('hook');
  const services: Services = {
    ...fakeAgents(record),
    version: '1.2.3',
    feed: {
      async *read(request) {
        record('feed.read', request);
        yield { type: 'caught_up', position: 7 };
      },
    },
    workflowUrl: ({ workflow_id: id }) => (id === null ? undefined : `http://ui.test/${id}`),
    eventTypes: () => [
      {
        type: 'memory.created',
        version: '1.0.0',
        versions: ['1.0.0'],
        description: 'x',
        schema: { type: 'object' },
        example: {},
      },
    ],
    events: {
      async publish(inputs, options) {
        record('events.publish', inputs, options);
        return inputs.map((input, i) => ({
          id: input.id ?? `evt_${i}`,
          position: i + 1,
          type: input.type,
          correlation_id: currentOrigin()?.correlation_id ?? '',
          duplicate: false,
        }));
      },
      async get(id, worlds) {
        record('events.get', id, worlds);
        return id === sampleEvent.id && (worlds === undefined || worlds.includes('default'))
          ? sampleEvent
          : missing('event');
      },
      async query(query) {
        record('events.query', query);
        return { data: [sampleEvent], next_cursor: 'c1' };
      },
      async trace(id, page) {
        record('events.trace', id, page);
        return { data: [sampleEvent], next_cursor: null };
      },
    },
    files: {
      async scan(request, options) {
        record('files.scan', request, options);
        const counts = { created: 1, modified: 0, deleted: 0, renamed: 0, directories: 0, unchanged: 2 };
        return { ...counts, failed: 0, away: [] };
      },
      async list(query) {
        record('files.list', query);
        return { files: [sampleFile], next_cursor: 'f1.next' };
      },
    },
    hooks: {
      async create(input, options) {
        record('hooks.create', input, options);
        return sampleHook('made');
      },
      async replace(id, input, options) {
        record('hooks.replace', id, input, options);
        return hookOf(id, options);
      },
      async remove(id, scope) {
        hookOf(id, scope);
        record('hooks.remove', id);
      },
      async get(id, scope) {
        return hookOf(id, scope);
      },
      async list({ after = '', limit, ...scope }) {
        return [...hooks.values()].filter((hook) => hook.id > after && isSeen(scope)).slice(0, limit);
      },
      async setEnabled(id, enabled, scope) {
        record('hooks.setEnabled', id, enabled);
        return { ...hookOf(id, scope), enabled };
      },
      async validate(input) {
        record('hooks.validate', input);
        return [{ path: 'trigger', message: 'is missing', line: 2, column: 1 }];
      },
    },
    memory: {
      async create(input, context) {
        record('memory.create', input, context);
        return { ...sampleMemory, content: input.content };
      },
      async get(id, context) {
        record('memory.get', id, context);
        return memoryOf(id);
      },
      async list(page) {
        record('memory.list', page);
        return { data: [sampleMemory], last: undefined };
      },
      async query(query, context) {
        record('memory.query', query, context);
        const { page, limit } = query;
        const results = [{ memory: sampleMemory, relevance: 1, match_reason: 'text' }];
        return { results, total: 1, page, per_page: limit, semantic_by: null, semantic_pending: 0 };
      },
      async update(id, input, context) {
        record('memory.update', id, input, context);
        return memoryOf(id);
      },
      async remove(id, context) {
        record('memory.remove', id, context);
        memoryOf(id);
      },
      async link(id, input, context) {
        record('memory.link', id, input, context);
        return memoryOf(id);
      },
      async unlink(id, input, context) {
        record('memory.unlink', id, input, context);
        return memoryOf(id);
      },
      async tag(id, tag, context) {
        record('memory.tag', id, tag, context);
        return memoryOf(id);
      },
      async untag(id, tag, context) {
        record('memory.untag', id, tag, context);
        return memoryOf(id);
      },
      async consolidate(input, context) {
        record('memory.consolidate', input, context);
        return sampleMemory;
      },
      async prune(input, context) {
        record('memory.prune', input, context);
        return { ids: [], count: 0, dry_run: input.dry_run, more: false };
      },
      async importBatch(documents, context) {
        record('memory.importBatch', documents, context);
        return documents.map(({ id = sampleMemory.id }) => ({ id, imported: true }));
      },
    },
    webhooks: {
      async create(input) {
        record('webhooks.create', input);
        return { webhook: sampleWebhook('whk_1', input), secret: 'whsec_x' };
      },
      async get(id) {
        return id === 'whk_1' ? sampleWebhook(id) : missing('webhook');
      },
      async list() {
        return [sampleWebhook('whk_1')];
      },
      async update(id, { auth, ...input }) {
        record('webhooks.update', id, { ...input, keepsAuth: auth === undefined });
        return id === 'whk_1' ? sampleWebhook(id, input) : missing('webhook');
      },
      async remove(id) {
        record('webhooks.remove', id);
      },
    },
    graph: {
      async node(world, id) {
        record('graph.node', world, id);
        if (id !== 'tag:ai') return missing('node');
        return { id, kind: 'tag', label: '#ai', degree: 1, in: 1, out: 0, neighbours: 1, created_at: 0 };
      },
      async edges(world, query) {
        record('graph.edges', world, query);
        return { edges: [], next: null };
      },
      async traverse(world, query) {
        record('graph.traverse', world, query);
        return { nodes: [], edges: [], truncated: false };
      },
      async paths(world, query) {
        record('graph.paths', world, query);
        return { paths: [], truncated: false };
      },
      async communities(world, query) {
        record('graph.communities', world, query);
        return { communities: [], total: 0, modularity: 0, nodes: 0, edges: 0 };
      },
      async metrics(world, { metric, limit }) {
        record('graph.metrics', world, metric, limit);
        return { metric, nodes: 0, edges: 0, value: null, values: [] };
      },
    },
    keys: {
      async create(input, maker, options) {
        record('keys.create', input, maker, options);
        return { view: { ...sampleKey, name: input.name, role: input.role }, key: 'crk_shown_once' };
      },
      async list(maker, page) {
        record('keys.list', maker, page);
        return [sampleKey];
      },
      async revoke(id, maker) {
        record('keys.revoke', id, maker);
        if (id !== sampleKey.id) missing('key');
      },
    },
    runs: {
      async get(id) {
        return id === sampleRun.id ? detail : missing('run');
      },
      async list(target, page) {
        record('runs.list', target, page);
        return { data: [sampleRun], next_cursor: null };
      },
      async ofEvent() {
        return [sampleRun];
      },
      async cancel(id) {
        record('runs.cancel', id);
        return { ...sampleRun, state: 'cancelled', reason: 'cancelled' };
      },
      async replay(id) {
        record('runs.replay', id);
        return { ...sampleRun, state: 'pending', generation: 1 };
      },
    },
    customTypes: {
      versions: (type) => (type === sampleType.type ? [sampleType] : []),
      newest: () => [sampleType],
      judge: () => undefined,
      async register(input) {
        record('customTypes.register', input);
        return sampleType;
      },
    },
    explanations: {
      async of(event, asked) {
        record('explanations.of', event.id, asked);
        const clauses = [{ clause: 'world', holds: true, because: 'it sees the world' }];
        const explanation = { kind: 'webhook', exists: true, matches: true, effect: 'run', clauses } as const;
        return [
          {
            ...explanation,
            target: sampleRun.target,
            because: 'the event matches',
            run: sampleRun,
            changed_since: false,
          },
        ];
      },
    },
    ...overrides,
  };
  return { services, calls };
};
