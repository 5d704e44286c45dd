/** What is done to the services: as data that can be sent to another process, and how it is carried out. */
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { agentInputSchema } from '../../src/agents/input.ts';
import { withOrigin } from '../../src/kernel/context.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import type { ConsolidationStrategy, MemoryInput } from '../../src/memory/memory.ts';
import type { Services } from './services.ts';

export type FileStep =
  | { readonly put: string; readonly content: string }
  /** Bytes that are no UTF-8. */
  | { readonly spoil: string }
  | { readonly move: string; readonly to: string }
  | { readonly remove: string }
  | { readonly touch: string; readonly second: number };

export type Operation = { readonly world: string; readonly by?: string } & (
  | ({ readonly do: 'create' } & MemoryInput)
  | {
      readonly do: 'update';
      readonly id: string;
      readonly content?: string;
      readonly name?: string | null;
      readonly metadata?: JsonObject;
    }
  | { readonly do: 'get' | 'remove'; readonly id: string }
  | {
      readonly do: 'link';
      readonly id: string;
      readonly to: string;
      readonly kind: string;
      readonly strength: number | null;
    }
  | { readonly do: 'unlink'; readonly id: string; readonly to: string; readonly kind: string }
  | { readonly do: 'tag' | 'untag'; readonly id: string; readonly tag: string }
  | { readonly do: 'consolidate'; readonly ids: readonly string[]; readonly strategy: ConsolidationStrategy }
  | { readonly do: 'prune'; readonly tag: string; readonly max: number }
  | { readonly do: 'import'; readonly documents: readonly (MemoryInput & { readonly id?: string })[] }
  | { readonly do: 'ask'; readonly from: string; readonly to: string }
  | { readonly do: 'files'; readonly steps: readonly FileStep[] }
  | {
      readonly do: 'register';
      readonly name: string;
      readonly actions: number;
      readonly metadata: JsonObject;
    }
  | { readonly do: 'unregister'; readonly agent: string }
  | {
      readonly do: 'open_room';
      readonly room: string;
      readonly name: string | null;
      readonly metadata: JsonObject | null;
    }
  | { readonly do: 'close_room'; readonly room: string }
  | { readonly do: 'join' | 'leave' | 'say'; readonly agent: string; readonly room: string }
  | { readonly do: 'make_tool' | 'use_tool'; readonly agent: string; readonly tool: string }
  | { readonly do: 'make_world'; readonly name: string | null }
  | { readonly do: 'remove_world' }
);

const originOf = ({ world, by }: Operation): Origin => ({
  source: by === undefined ? { kind: 'user', user_id: 'alice' } : { kind: 'agent', agent_id: by },
  actor: by === undefined ? 'user:alice' : `agent:${by}`,
  world,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
});

/** Where the files of a world lie. */
export const rootOf = (directory: string, world: string): string => join(directory, world);

const ACTION = {
  handler: {
    type: 'http',
    url: 'http://127.0.0.1:9/',
    headers: { authorization: 'Bearer {{ secrets.TOKEN }}' },
  },
  inputs: { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] },
};

const stepFiles = async (root: string, step: FileStep): Promise<void> => {
  const at = (path: string): string => join(root, path);
  if ('put' in step || 'spoil' in step) {
    const path = at('put' in step ? step.put : step.spoil);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'put' in step ? step.content : new Uint8Array([0x23, 0xff, 0xfe]));
  } else if ('move' in step) {
    await mkdir(dirname(at(step.to)), { recursive: true });
    await rename(at(step.move), at(step.to));
  } else if ('remove' in step) await rm(at(step.remove), { recursive: true, force: true });
  else await utimes(at(step.touch), step.second, step.second);
};

/** What the file system refuses (a move of what is not there, a file for a directory) is no matter. */
const tryStep = async (root: string, step: FileStep): Promise<void> => {
  try {
    await stepFiles(root, step);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
};

/** What an operation has come to: the ids of the memories that it made, or took away. */
export interface Done {
  readonly made: readonly string[];
  readonly gone: readonly string[];
}

const NOTHING: Done = { made: [], gone: [] };

/** @throws CrucibleError what the services refuse */
export const perform = (services: Services, directory: string, operation: Operation): Promise<Done> =>
  withOrigin(originOf(operation), () => carryOut(services, directory, operation));

const carryOut = async (services: Services, directory: string, operation: Operation): Promise<Done> => {
  const { memory, graph, files, agents, rooms, messages, tools, worlds } = services;
  const { world } = operation;
  switch (operation.do) {
    case 'create': {
      const { content, name = null, metadata = {} } = operation;
      return { ...NOTHING, made: [(await memory.create({ content, name, metadata })).id] };
    }
    case 'update': {
      const { do: _do, world: _world, by: _by, id, ...changes } = operation;
      await memory.update(id, changes);
      return NOTHING;
    }
    case 'get':
      await memory.get(operation.id);
      return NOTHING;
    case 'remove':
      await memory.remove(operation.id);
      return { ...NOTHING, gone: [operation.id] };
    case 'link': {
      const { id, to, kind, strength } = operation;
      await memory.link(id, { to, link_type: kind, ...(strength !== null && { strength }) });
      return NOTHING;
    }
    case 'unlink':
      await memory.unlink(operation.id, { to: operation.to, link_type: operation.kind });
      return NOTHING;
    case 'tag':
      await memory.tag(operation.id, operation.tag);
      return NOTHING;
    case 'untag':
      await memory.untag(operation.id, operation.tag);
      return NOTHING;
    case 'consolidate': {
      const { ids, strategy } = operation;
      return { ...NOTHING, made: [(await memory.consolidate({ ids, strategy })).id] };
    }
    case 'prune': {
      const { ids } = await memory.prune({ tags: [operation.tag], max: operation.max, dry_run: false });
      return { ...NOTHING, gone: ids };
    }
    case 'import': {
      const results = await memory.importBatch(operation.documents);
      return { ...NOTHING, made: results.flatMap((result) => ('id' in result ? [result.id] : [])) };
    }
    case 'ask': {
      const { from, to } = operation;
      await graph.metrics(world, { metric: 'degree', limit: 5 });
      await graph.paths(world, { from, to, algorithm: 'shortest', max: 1, max_length: 8 });
      return NOTHING;
    }
    case 'files': {
      const root = rootOf(directory, world);
      for (const step of operation.steps) await tryStep(root, step);
      await files.scan({ root });
      return NOTHING;
    }
    case 'register': {
      const { name, actions, metadata } = operation;
      const offered = Array.from({ length: actions }, (_, i) => ({ ...ACTION, name: `act${i}` }));
      await agents.register(
        agentInputSchema.parse({ name, actions: offered, metadata, capabilities: ['x'] }),
      );
      return NOTHING;
    }
    case 'unregister':
      await agents.unregister(operation.agent);
      return NOTHING;
    case 'open_room': {
      const { room, name, metadata } = operation;
      await rooms.create({ room, ...(name !== null && { name }), ...(metadata !== null && { metadata }) });
      return NOTHING;
    }
    case 'close_room':
      await rooms.remove(operation.room);
      return NOTHING;
    case 'join':
      await rooms.join(operation.agent, operation.room);
      return NOTHING;
    case 'leave':
      await rooms.leave(operation.agent, operation.room);
      return NOTHING;
    case 'say':
      await messages.send(operation.agent, { room: operation.room, content: 'hello' });
      return NOTHING;
    case 'make_tool':
      await tools.create(operation.agent, { name: operation.tool, parameters: { type: 'object' } });
      return NOTHING;
    case 'use_tool':
      await tools.use(operation.agent, operation.tool, { duration_ms: 1, success: true });
      return NOTHING;
    case 'make_world':
      await worlds.create({ world, ...(operation.name !== null && { name: operation.name }) });
      return NOTHING;
    case 'remove_world':
      await worlds.remove(world);
      return NOTHING;
  }
};
