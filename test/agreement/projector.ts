/**
 * The state of memories, the graph, files, agents, rooms and worlds as somebody knows it who has the log and the schemas
 * of its events, and nothing else. It imports no service on purpose: what it cannot know, the events do not tell.
 */
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import type { PayloadOf } from '../../src/events/catalogue.ts';
import { applyPatch } from './json-patch.ts';
import { edgeKey, emptyState, keyOf, type State } from './state.ts';

type Apply<Type extends Handled> = (state: State, told: PayloadOf<Type>, event: CrucibleEvent) => void;

/** The types that change state. The others tell what happened and leave nothing behind. */
type Handled =
  | 'memory.created'
  | 'memory.updated'
  | 'memory.deleted'
  | 'memory.linked'
  | 'memory.unlinked'
  | 'memory.tagged'
  | 'memory.untagged'
  | 'memory.consolidated'
  | 'graph.node_added'
  | 'graph.node_removed'
  | 'graph.edge_created'
  | 'graph.edge_removed'
  | 'file.created'
  | 'file.modified'
  | 'file.renamed'
  | 'file.deleted'
  | 'file.processed'
  | 'file.directory_created'
  | 'file.directory_deleted'
  | 'agent.registered'
  | 'agent.unregistered'
  | 'agent.joined_room'
  | 'agent.left_room'
  | 'agent.tool_created'
  | 'system.room_created'
  | 'system.room_deleted'
  | 'system.world_created'
  | 'system.world_deleted';

const found = <T>(map: Map<string, T>, key: string, event: CrucibleEvent): T => {
  const value = map.get(key);
  if (value === undefined)
    throw new Error(`${event.type} at ${event.position} is about ${key}, which the log does not know`);
  return value;
};

const fresh = <T>(map: Map<string, T>, key: string, value: T, event: CrucibleEvent): void => {
  if (map.has(key))
    throw new Error(`${event.type} at ${event.position} makes ${key}, which is there already`);
  map.set(key, value);
};

const placeOf = ({ world }: CrucibleEvent, root: string | undefined, path: string): string =>
  keyOf(world, root ?? '', path);

/** What a file's events tell of it. */
const factsOf = ({
  size,
  modified_at,
}: {
  readonly size?: number | undefined;
  readonly modified_at?: string | undefined;
}) => ({
  size: size ?? null,
  modified_at: modified_at ?? null,
});

const HANDLERS: { readonly [Type in Handled]: Apply<Type> } = {
  'memory.created': (state, told, event) => {
    const { id, content, title = '', name = null, tags = [], hash = '', metadata = {} } = told;
    fresh(
      state.memories,
      id,
      {
        world: event.world,
        name,
        title,
        content,
        hash,
        metadata,
        tags,
        links: [],
        consolidated_into: null,
        created_by: event.actor,
        created_at: event.timestamp,
        updated_at: event.timestamp,
      },
      event,
    );
    label(state, keyOf(event.world, id), title);
  },
  'memory.updated': (state, { id, patch, new_hash, title = '', tags = [] }, event) => {
    const memory = found(state.memories, id, event);
    const { name, content, metadata } = memory;
    const after = applyPatch(
      { name, content, metadata },
      patch as unknown as Parameters<typeof applyPatch>[1],
    );
    Object.assign(memory, after, { hash: new_hash, title, tags, updated_at: event.timestamp });
    label(state, keyOf(event.world, id), title);
  },
  'memory.deleted': (state, { id }, event) => {
    found(state.memories, id, event);
    state.memories.delete(id);
    for (const file of state.files.values()) if (file.memory_id === id) file.memory_id = null;
  },
  'memory.linked': (state, { id, target, kind = 'related', strength = null }, event) => {
    const memory = found(state.memories, id, event);
    found(state.memories, target, event);
    const others = memory.links.filter((link) => !(link.to === target && link.kind === kind));
    memory.links = [...others, { to: target, kind, strength }];
  },
  'memory.unlinked': (state, { id, target, kind = 'related' }, event) => {
    const memory = found(state.memories, id, event);
    const left = memory.links.filter((link) => !(link.to === target && link.kind === kind));
    if (left.length === memory.links.length) throw new Error(`${event.position} takes away no link`);
    memory.links = left;
  },
  'memory.tagged': (state, { id, tag, tags }, event) => {
    const memory = found(state.memories, id, event);
    memory.tags = tags ?? [...memory.tags, tag];
  },
  'memory.untagged': (state, { id, tag, tags }, event) => {
    const memory = found(state.memories, id, event);
    memory.tags = tags ?? memory.tags.filter((other) => other !== tag);
  },
  'memory.consolidated': (state, { id, merged }, event) => {
    found(state.memories, id, event);
    for (const source of merged) found(state.memories, source, event).consolidated_into = id;
  },

  'graph.node_added': (state, { id, kind = '', label: name = null }, event) =>
    fresh(state.nodes, keyOf(event.world, id), { kind, label: name, degree: 0 }, event),
  'graph.node_removed': (state, { id }, event) => {
    const key = keyOf(event.world, id);
    found(state.nodes, key, event);
    for (const [edge, { world, from, to }] of state.edges)
      if (world === event.world && (from === id || to === id)) removeEdge(state, edge, event);
    state.nodes.delete(key);
  },
  'graph.edge_created': (state, { from, to, kind, weight = null }, event) => {
    const { world } = event;
    fresh(state.edges, edgeKey({ world, from, to, kind }), { world, from, to, kind, weight }, event);
    for (const end of [from, to]) found(state.nodes, keyOf(world, end), event).degree += 1;
  },
  'graph.edge_removed': (state, { from, to, kind }, event) =>
    removeEdge(state, edgeKey({ world: event.world, from, to, kind }), event),

  'file.created': (state, told, event) =>
    fresh(
      state.files,
      placeOf(event, told.root, told.path),
      {
        ...factsOf(told),
        hash: told.hash ?? null,
        memory_id: null,
        node: null,
        error: null,
        created_at: event.timestamp,
      },
      event,
    ),
  'file.modified': (state, told, event) => {
    const file = found(state.files, placeOf(event, told.root, told.path), event);
    Object.assign(file, factsOf(told), { hash: told.new_hash ?? null, error: null });
  },
  'file.renamed': (state, told, event) => {
    const old = placeOf(event, told.root, told.old_path);
    const file = found(state.files, old, event);
    state.files.delete(old);
    const moved = { ...file, ...factsOf(told), hash: told.hash ?? null, error: null };
    fresh(state.files, placeOf(event, told.root, told.new_path), moved, event);
  },
  'file.deleted': (state, told, event) => {
    const key = placeOf(event, told.root, told.path);
    found(state.files, key, event);
    state.files.delete(key);
  },
  'file.processed': (state, told, event) => {
    const file = found(state.files, placeOf(event, told.root, told.path), event);
    file.error = told.error ?? null;
    const [memory] = told.memory_ids ?? [];
    if (memory !== undefined) file.memory_id = memory;
  },
  'file.directory_created': (state, { root, path }, event) =>
    fresh(state.directories, placeOf(event, root, path), {}, event),
  'file.directory_deleted': (state, { root, path }, event) => {
    const key = placeOf(event, root, path);
    found(state.directories, key, event);
    state.directories.delete(key);
  },

  'agent.registered': (state, told, event) => {
    const { agent_id, name, version = '', capabilities = [], actions = [], metadata = {} } = told;
    fresh(
      state.agents,
      keyOf(event.world, agent_id),
      { name, version, capabilities, actions, metadata, rooms: [], created_at: event.timestamp },
      event,
    );
  },
  'agent.unregistered': (state, { agent_id }, event) => {
    const key = keyOf(event.world, agent_id);
    const { rooms } = found(state.agents, key, event);
    if (rooms.length > 0)
      throw new Error(`${agent_id} goes at ${event.position} and is still in ${rooms.join(', ')}`);
    state.agents.delete(key);
    for (const tool of state.tools.keys()) if (tool.startsWith(`${key}/`)) state.tools.delete(tool);
  },
  'agent.joined_room': (state, { agent_id, room }, event) => {
    const agent = found(state.agents, keyOf(event.world, agent_id), event);
    agent.rooms = [...agent.rooms, room].toSorted();
    found(state.rooms, keyOf(event.world, room), event).members.add(agent_id);
  },
  'agent.left_room': (state, { agent_id, room }, event) => {
    const agent = found(state.agents, keyOf(event.world, agent_id), event);
    agent.rooms = agent.rooms.filter((other) => other !== room);
    found(state.rooms, keyOf(event.world, room), event).members.delete(agent_id);
  },
  'agent.tool_created': (state, { agent_id, tool, description = null, parameters = null }, event) => {
    found(state.agents, keyOf(event.world, agent_id), event);
    fresh(state.tools, keyOf(event.world, agent_id, tool), { description, parameters }, event);
  },

  'system.room_created': (state, { room, name = null, metadata = {} }, event) =>
    fresh(
      state.rooms,
      keyOf(event.world, room),
      { name, metadata, members: new Set<string>(), created_at: event.timestamp },
      event,
    ),
  'system.room_deleted': (state, { room }, event) => {
    const key = keyOf(event.world, room);
    const { members } = found(state.rooms, key, event);
    if (members.size > 0) throw new Error(`${room} goes at ${event.position} and has members`);
    state.rooms.delete(key);
  },
  'system.world_created': (state, { world, name = null }) =>
    void state.worlds.set(world, { name, created: true }),
  'system.world_deleted': (state, { world }, event) => {
    found(state.worlds, world, event);
    state.worlds.delete(world);
  },
};

/** The label of a memory's node is its title. */
const label = (state: State, node: string, title: string): void => {
  const there = state.nodes.get(node);
  if (there !== undefined) there.label = title;
};

const removeEdge = (state: State, key: string, event: CrucibleEvent): void => {
  const { world, from, to } = found(state.edges, key, event);
  for (const end of [from, to]) found(state.nodes, keyOf(world, end), event).degree -= 1;
  state.edges.delete(key);
};

/** The types of events that change state. */
export const STATE_EVENTS: readonly string[] = Object.keys(HANDLERS);

const isHandled = (type: string): type is Handled => Object.hasOwn(HANDLERS, type);

/** Payloads were checked against their schemas when they were built, so the type tells what they are. */
const applyOne = (state: State, type: Handled, event: CrucibleEvent): void =>
  (HANDLERS[type] as (state: State, told: never, event: CrucibleEvent) => void)(
    state,
    event.payload as never,
    event,
  );

/** @throws Error at an event that cannot follow the ones before it */
export const project = (events: readonly CrucibleEvent[]): State => {
  const state = emptyState();
  for (const event of events) {
    // The first event in a world makes it.
    if (!state.worlds.has(event.world)) state.worlds.set(event.world, { name: null, created: false });
    if (isHandled(event.type)) applyOne(state, event.type, event);
  }
  // A memory's file is where its edge leads.
  for (const { kind, from, to } of state.edges.values()) {
    if (kind !== 'stored_in') continue;
    for (const file of state.files.values()) if (file.memory_id === from) file.node = to;
  }
  return state;
};
