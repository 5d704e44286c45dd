/** Where each type of event comes from, and the test that sees it. `write-event-sources.ts` makes the page of it. */
import type { KnownType } from '../src/events/catalogue.ts';
import { familyOf } from '../src/events/type-name.ts';

export type Source =
  | {
      /** The routes that cause it. */
      readonly routes: readonly string[];
      /** What else causes it, or what must hold for it. */
      readonly cause?: string;
      /** The test that says most about it; its file names the type. */
      readonly test: { readonly file: string; readonly title: string };
    }
  /** Nothing causes it yet, and this says why. */
  | { readonly later: string };

const by = (file: string, title: string) => ({ test: { file, title } });
const FLOWS: Source = { later: 'Flows are not built yet.' };

const MEMORY = 'src/memory/service.test.ts';
const GRAPH = 'src/graph/service.test.ts';
const EXPAND = 'src/graph/expand.test.ts';
const ROOMS = 'src/agents/rooms.test.ts';
const HOOKS = 'test/integration/hooks-service.test.ts';
const CHANGES = 'Whatever changes memories, files or agents.';
const FILES = { routes: ['POST /files/scan'], cause: 'A change in a watched directory.' };
const KILLED = by('test/faults/files-killed.test.ts', 'killed while it takes over files, again and again');
const LINKS = ['POST /memory', 'PUT /memory/{id}', 'DELETE /memory/{id}', 'POST /memory/import'];
const ENDED_RUN = 'An event that a hook matches. The end of its run:';

/** A type without an entry does not compile. */
export const SOURCES: { readonly [Type in KnownType]: Source } = {
  'memory.created': {
    routes: ['POST /memory', 'POST /memory/import', 'POST /memory/consolidate'],
    cause: 'A new Markdown file in a watched directory.',
    ...by(MEMORY, 'keeps what the text says, in one commit with its event and its part of the graph'),
  },
  'memory.updated': {
    routes: ['PUT /memory/{id}'],
    cause: 'A Markdown file that was edited or renamed.',
    ...by(MEMORY, 'tells both hashes, a patch, and the tags that came and went'),
  },
  'memory.deleted': {
    routes: ['DELETE /memory/{id}', 'POST /memory/prune'],
    cause: 'A Markdown file that was deleted.',
    ...by(MEMORY, 'takes the oldest that fit, says so first when asked, and tells each'),
  },
  'memory.linked': {
    routes: ['POST /memory/{id}/link', ...LINKS],
    cause: 'A wikilink, or a memory that gets the name of one.',
    ...by(MEMORY, 'come and go, told once'),
  },
  'memory.unlinked': {
    routes: ['POST /memory/{id}/unlink', ...LINKS],
    cause: 'A wikilink that goes, or the memory that it names.',
    ...by(MEMORY, 'come and go, told once'),
  },
  'memory.tagged': {
    routes: ['POST /memory/{id}/tag', 'PUT /memory/{id}'],
    cause: 'The tags of a new memory stand in `memory.created`.',
    ...by(MEMORY, 'come and go, told once'),
  },
  'memory.untagged': {
    routes: ['POST /memory/{id}/untag', 'PUT /memory/{id}'],
    ...by(MEMORY, 'come and go, told once'),
  },
  'memory.accessed': {
    routes: ['GET /memory/{id}', 'POST /memory/query'],
    cause: 'As `memory_accessed` says; by default never.',
    ...by('src/memory/query.test.ts', 'reads'),
  },
  'memory.consolidated': {
    routes: ['POST /memory/consolidate'],
    ...by(MEMORY, 'makes one of several, which takes over names, tags and links'),
  },
  'memory.pruned': {
    routes: ['POST /memory/prune'],
    ...by(MEMORY, 'takes the oldest that fit, says so first when asked, and tells each'),
  },

  'graph.node_added': {
    routes: [],
    cause: CHANGES,
    ...by(EXPAND, 'are told and stored once: what is there already changes nothing'),
  },
  'graph.node_removed': {
    routes: [],
    cause: CHANGES,
    ...by(EXPAND, 'say what a removed node took with it'),
  },
  'graph.edge_created': {
    routes: [],
    cause: CHANGES,
    ...by(EXPAND, 'are told and stored once: what is there already changes nothing'),
  },
  'graph.edge_removed': {
    routes: [],
    cause: CHANGES,
    ...by(EXPAND, 'give an edge another weight by taking the old one away'),
  },
  'graph.path_discovered': {
    routes: ['POST /graph/paths'],
    ...by(GRAPH, 'are told when they are found for the first time, and again when another one is'),
  },
  'graph.community_detected': {
    routes: ['POST /graph/communities'],
    ...by(
      GRAPH,
      'are the groups that belong together, the same each time, told when they are new or changed',
    ),
  },
  'graph.metrics_computed': {
    routes: ['POST /graph/metrics'],
    ...by(GRAPH, 'are told once for one state of the graph'),
  },

  'file.created': { ...FILES, ...KILLED },
  'file.modified': { ...FILES, ...KILLED },
  'file.deleted': { ...FILES, ...KILLED },
  'file.renamed': { ...FILES, ...KILLED },
  'file.directory_created': { ...FILES, ...KILLED },
  'file.directory_deleted': {
    ...FILES,
    ...by(
      'test/integration/files-watch.test.ts',
      'sees directories come with everything in them, move as a whole, and go',
    ),
  },
  'file.processed': { ...FILES, ...KILLED },

  'agent.registered': {
    routes: ['POST /agents'],
    ...by(
      'src/agents/agents.test.ts',
      'is there once it is registered: read, listed, told, a node of the graph',
    ),
  },
  'agent.unregistered': {
    routes: ['DELETE /agents/{id}'],
    ...by('src/agents/agents.test.ts', 'takes everything along when it goes, and can come again'),
  },
  'agent.joined_room': {
    routes: ['POST /agents/{id}/rooms'],
    ...by(ROOMS, 'is joined and left, and knows who is in it'),
  },
  'agent.left_room': {
    routes: ['DELETE /agents/{id}/rooms/{room}', 'DELETE /agents/{id}', 'DELETE /rooms/{room}'],
    ...by(ROOMS, 'is left by all when it goes'),
  },
  'agent.action_requested': {
    routes: ['POST /agents/{id}/actions'],
    ...by('src/agents/actions.test.ts', 'is an event and its run, in one commit'),
  },
  'agent.action_executed': {
    routes: ['POST /agents/{id}/actions'],
    cause: 'The end of the run.',
    ...by('src/agents/actions.test.ts', 'what it returns is the outputs'),
  },
  'agent.message_sent': {
    routes: ['POST /agents/{id}/messages'],
    ...by(ROOMS, 'to a room reaches its other members, each in its own event'),
  },
  'agent.message_received': {
    routes: ['POST /agents/{id}/messages'],
    cause: 'One for each recipient.',
    ...by(ROOMS, 'to a room reaches its other members, each in its own event'),
  },
  'agent.tool_created': {
    routes: ['POST /agents/{id}/tools'],
    ...by(ROOMS, 'is made, listed, and used as it says'),
  },
  'agent.tool_used': {
    routes: ['POST /agents/{id}/tools/{name}/use'],
    ...by(ROOMS, 'is made, listed, and used as it says'),
  },

  'flow.started': FLOWS,
  'flow.step_completed': FLOWS,
  'flow.completed': FLOWS,
  'flow.failed': FLOWS,
  'flow.cancelled': FLOWS,

  'system.started': {
    routes: [],
    cause: 'The server is up.',
    ...by('test/e2e/stop.e2e.test.ts', 'SIGTERM under load ends with 0'),
  },
  'system.shutdown': {
    routes: [],
    cause: 'The server goes down in good order.',
    ...by('test/e2e/stop.e2e.test.ts', 'SIGTERM under load ends with 0'),
  },
  'system.room_created': {
    routes: ['POST /rooms'],
    ...by(ROOMS, 'is joined and left, and knows who is in it'),
  },
  'system.room_deleted': {
    routes: ['DELETE /rooms/{room}'],
    ...by(ROOMS, 'is left by all when it goes'),
  },
  'system.world_created': {
    routes: ['POST /worlds'],
    ...by(ROOMS, 'is noted when it is first written to, and can be made then'),
  },
  'system.world_deleted': {
    routes: ['DELETE /worlds/{world}'],
    ...by(ROOMS, 'goes when nothing is left in it'),
  },
  'system.error': {
    routes: [],
    cause: 'A hook file that is wrong; a watched directory that is away.',
    ...by('test/integration/files-safety.test.ts', 'deletes nothing, is told once, and is taken up again'),
  },
  'system.config_changed': {
    routes: ['POST /keys', 'DELETE /keys/{id}', 'PUT /event-types/{type}'],
    cause: 'A start with other settings than the last one had.',
    ...by('src/access/keys.test.ts', 'is told of in the log: who, when, which, and never what'),
  },

  'hook.registered': {
    routes: ['POST /hooks', 'PUT /hooks/{id}', 'POST /hooks/{id}/enable', 'POST /hooks/{id}/disable'],
    cause: 'A hook file that is new or was edited.',
    ...by(HOOKS, 'leave an event of every change, in the story of the request'),
  },
  'hook.triggered': {
    routes: ['POST /events', 'POST /runs/{id}/replay'],
    cause: 'An event that a hook with `options.trace` matches. The first attempt of its run.',
    ...by('src/dispatch/traced.test.ts', 'is told of once for each run, with its first attempt'),
  },
  'hook.executed': {
    routes: ['POST /events', 'POST /runs/{id}/replay'],
    cause: `${ENDED_RUN} it went well.`,
    ...by(
      'test/e2e/hook.e2e.test.ts',
      'tries again what can pass, records each attempt, and tells the end once',
    ),
  },
  'hook.failed': {
    routes: ['POST /events', 'POST /runs/{id}/replay', 'POST /runs/{id}/cancel'],
    cause: `${ENDED_RUN} it failed for good.`,
    ...by('test/e2e/hook.e2e.test.ts', 'ends as failed or dead with the reason, and runs again by hand'),
  },
  'hook.unregistered': {
    routes: ['DELETE /hooks/{id}'],
    cause: 'A hook file that was deleted.',
    ...by(HOOKS, 'leave an event of every change, in the story of the request'),
  },
  'hook.skipped': {
    routes: ['POST /events', 'POST /runs/{id}/replay'],
    cause: `${ENDED_RUN} its condition says no, or its address is refused.`,
    ...by(
      'test/e2e/hook.e2e.test.ts',
      'is skipped when its condition says no or its address is refused, which is told with the reason',
    ),
  },

  'webhook.created': {
    routes: ['POST /webhooks'],
    ...by('src/webhooks/service.test.ts', 'stores row, definition and event in one commit'),
  },
  'webhook.updated': {
    routes: ['PUT /webhooks/{id}'],
    ...by('src/webhooks/change.test.ts', 'is one commit, and tells which fields differ and no values'),
  },
  'webhook.deleted': {
    routes: ['DELETE /webhooks/{id}'],
    ...by('src/webhooks/service.test.ts', 'a removed webhook gets no event any more, and is told of'),
  },
  'webhook.disabled': {
    routes: [],
    cause: 'A receiver that answers 410.',
    ...by('test/e2e/webhook.e2e.test.ts', 'is disabled by 410, and what matches then is recorded as skipped'),
  },
  'webhook.delivered': {
    routes: ['POST /events', 'POST /webhooks/{id}/deliveries/{run_id}/retry', 'POST /runs/{id}/replay'],
    cause: 'An event that a webhook matches: it was delivered.',
    ...by('test/e2e/webhook.e2e.test.ts', 'tries again after 503 under the same webhook-id'),
  },
  'webhook.delivery_failed': {
    routes: ['POST /events', 'POST /webhooks/{id}/deliveries/{run_id}/retry', 'POST /runs/{id}/cancel'],
    cause: 'An event that a webhook matches: it cannot be delivered.',
    ...by('test/e2e/webhook.e2e.test.ts', 'ends for good at other 4xx and at redirects'),
  },
};

const cells = (source: Source): string => {
  if ('later' in source) return `*Later.* ${source.later} | `;
  const { routes, cause, test } = source;
  const operation = [...routes.map((route) => `\`${route}\``), ...(cause === undefined ? [] : [cause])];
  const name = test.file.slice(test.file.lastIndexOf('/') + 1);
  return `${operation.join('<br>')} | [\`${name}\`](../../${test.file}): ${test.title}`;
};

const chapter = (family: string, types: readonly [KnownType, Source][]): string =>
  [
    `## ${family}`,
    '',
    '| event | comes from | is seen by |',
    '|---|---|---|',
    types.map(([type, source]) => `| \`${type}\` | ${cells(source)} |`).join('\n'),
    '',
  ].join('\n');

/** The page `docs/reference/event-sources.md`. */
export const sourcesPage = (): string => {
  const types = Object.entries(SOURCES) as [KnownType, Source][];
  return [
    '# Where events come from',
    '',
    'Written by `npm run docs:sources` from `scripts/event-sources.ts`; do not edit it by hand. What each type tells is in',
    'the [reference](events.md).',
    '',
    'Apart from the tests that are named here, [one](../../test/e2e/event-sources.e2e.test.ts) does all of it on a whole server',
    'and looks for every type in the log. Events of the types `custom.*` come from `POST /events`, and from hooks that emit them.',
    '',
    [...Map.groupBy(types, ([type]) => familyOf(type))]
      .map(([family, own]) => chapter(family, own))
      .join('\n'),
  ].join('\n');
};
