import { AGENT_TABLE, MEMBER_TABLE, ROOM_TABLE, TOOL_TABLE, WORLD_TABLE } from '../../src/agents/rows.ts';
import { asDirectoryRow, asFileRow, DIRECTORY_TABLE, FILE_TABLE } from '../../src/files/row.ts';
import { asEdgeRow, EDGE_TABLE, NODE_TABLE, type NodeRow } from '../../src/graph/tables.ts';
import type { Records, Row } from '../../src/log/records.ts';
import { tagsOf } from '../../src/memory/state/edges.ts';
import { CARD_TABLE, MEMORY_TABLE, type CardRow, type MemoryRow } from '../../src/memory/tables.ts';
import { asAgent, asRoom, asTool, asWorld } from '../../src/agents/rows.ts';
import { edgeKey, emptyState, keyOf, type State } from './state.ts';

/** Every row of a table. */
export const rowsOf = async (records: Records, table: string): Promise<readonly Row[]> => {
  const rows: Row[] = [];
  for (;;) {
    const after = rows.at(-1)?.id;
    const page = await records.list(table, { limit: 1_000, ...(after === undefined ? {} : { after }) });
    rows.push(...page);
    if (page.length < 1_000) return rows;
  }
};

const iso = (ms: number): string => new Date(ms).toISOString();

/** The state as the rows have it. */
export const storedState = async (records: Records): Promise<State> => {
  const state = emptyState();
  const all = (table: { readonly name: string }): Promise<readonly Row[]> => rowsOf(records, table.name);

  const texts = new Map((await all(MEMORY_TABLE)).map((row) => [row.id, row as MemoryRow]));
  for (const card of (await all(CARD_TABLE)) as readonly CardRow[]) {
    const text = texts.get(card.id);
    if (text === undefined) throw new Error(`${card.id} has a card (${card.state}) and no text`);
    texts.delete(card.id);
    state.memories.set(card.id, {
      world: card.world,
      name: card.name,
      title: card.title,
      content: text.content ?? text.former_content ?? '',
      hash: text.hash,
      metadata: text.metadata,
      tags: tagsOf(card),
      links: card.edges
        .filter(({ kind, to }) => to.startsWith('msg_') && kind !== 'consolidated_from')
        .map(({ kind, to, weight }) => ({ to, kind, strength: weight })),
      consolidated_into: card.into,
      created_by: card.created_by,
      created_at: iso(card.created_at),
      updated_at: iso(card.updated_at),
    });
  }
  if (texts.size > 0) throw new Error(`${[...texts.keys()].join(', ')} have texts and no cards`);

  for (const { world, node, kind, label, degree } of (await all(NODE_TABLE)) as readonly NodeRow[])
    state.nodes.set(keyOf(world, node), { kind, label, degree });
  for (const { world, from, to, kind, weight } of (await all(EDGE_TABLE)).map(asEdgeRow))
    state.edges.set(edgeKey({ world, from, to, kind }), { world, from, to, kind, weight });

  for (const file of (await all(FILE_TABLE)).map(asFileRow))
    state.files.set(keyOf(file.world, file.root, file.path), {
      size: file.size,
      modified_at: iso(file.mtime_ms),
      hash: file.hash,
      memory_id: file.memory_id,
      node: file.node,
      error: file.error,
      created_at: iso(file.created_at),
    });
  for (const { world, root, path } of (await all(DIRECTORY_TABLE)).map(asDirectoryRow))
    state.directories.set(keyOf(world, root, path), {});

  for (const agent of (await all(AGENT_TABLE)).map(asAgent)) {
    const { name, version, capabilities, actions, metadata, rooms } = agent;
    state.agents.set(agent.id, {
      name,
      version,
      capabilities,
      actions,
      metadata,
      rooms,
      created_at: iso(agent.created_at),
    });
  }
  for (const room of (await all(ROOM_TABLE)).map(asRoom)) {
    const { name, metadata } = room;
    state.rooms.set(room.id, { name, metadata, members: new Set(), created_at: iso(room.created_at) });
  }
  for (const { id } of await all(MEMBER_TABLE)) {
    const [world = '', room = '', agent = ''] = id.split('/');
    const of = state.rooms.get(keyOf(world, room));
    if (of === undefined) throw new Error(`${id} is a member of no room`);
    of.members.add(agent);
  }
  for (const room of (await all(ROOM_TABLE)).map(asRoom)) {
    const { size } = state.rooms.get(room.id)?.members ?? new Set();
    if (room.members !== size) throw new Error(`${room.id} counts ${room.members} members and has ${size}`);
  }
  for (const tool of (await all(TOOL_TABLE)).map(asTool)) {
    const { description, parameters } = tool;
    state.tools.set(tool.id, { description, parameters });
  }
  for (const { id, name, created } of (await all(WORLD_TABLE)).map(asWorld))
    state.worlds.set(id, { name, created });
  return state;
};
