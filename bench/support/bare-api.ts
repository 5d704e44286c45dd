/*
 * The baseline of `bench/api.ts`, a process of its own: bare Express over the same embedded database, one transaction a
 * write and one round trip a read. There are no keys, no checks of input or output, no order of everything, no events of
 * changes, no fence. Started with `fork`; its one message is its URL.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type Request, type Response } from 'express';
import { RecordId } from 'surrealdb';
import { newId } from '../../src/kernel/ids.ts';
import { documentWords } from '../../src/log/words.ts';
import { connect } from '../../src/surreal/engine.ts';

/** How often a write is tried when another one was faster: the full-text index makes concurrent writes conflict. */
const TRIES = 50;

/*
 * Events have the four compound indexes that `bench/append.ts` gives them; a memory has the same words in the same
 * full-text index as in the product; its tags and links are edges. `newest` is the position below zero: equality, a lower
 * bound and LIMIT without ORDER BY is the form that the database reads in the order of the index.
 */
const SCHEMA = `
  DEFINE ANALYZER words TOKENIZERS blank;
  DEFINE TABLE event SCHEMALESS;
  DEFINE INDEX event_type ON event FIELDS type, newest;
  DEFINE INDEX event_actor ON event FIELDS actor, newest;
  DEFINE INDEX event_subject ON event FIELDS subject, newest;
  DEFINE INDEX event_correlation ON event FIELDS correlation_id, newest;
  DEFINE TABLE memory SCHEMALESS;
  DEFINE INDEX memory_text ON memory FIELDS words FULLTEXT ANALYZER words BM25;
  DEFINE TABLE edge SCHEMALESS;
  DEFINE INDEX edge_from ON edge FIELDS from;
  DEFINE INDEX edge_to ON edge FIELDS to;
`;

const [directory = ''] = process.argv.slice(2);
const { db } = await connect({
  url: `rocksdb://${directory}`,
  user: undefined,
  pass: undefined,
  namespace: 'bench',
  database: 'bench',
});
await db.query(SCHEMA);

let position = 0;
const eventRow = ({ type, payload }: { type: string; payload: object }) => {
  position += 1;
  return {
    id: new RecordId('event', newId('evt')),
    type,
    version: '1.0.0',
    position,
    newest: -position,
    timestamp: new Date().toISOString(),
    actor: 'user:bench',
    subject: null,
    correlation_id: newId('cor'),
    causation_id: null,
    depth: 0,
    world: 'default',
    room: null,
    payload,
  };
};

const tagNode = (tag: string): string => `tag:${tag.slice(1).toLowerCase()}`;
const nameNode = (name: string): string => `name:${name.toLowerCase()}`;
const TAG = /#[\w-]+/g;
const LINK = /\[\[([^\]]+)\]\]/g;

const write = async (text: string, bindings: object): Promise<void> => {
  for (let left = TRIES; ; left -= 1) {
    try {
      await db.query(text, { ...bindings });
      return;
    } catch (error) {
      if (left === 0 || !/conflict/i.test(String(error))) throw error;
    }
  }
};

const app = express();
app.use(express.json());

type Route = (req: Request) => Promise<unknown>;
const answering =
  (status: number, route: Route) =>
  async (req: Request, res: Response): Promise<void> => {
    const answer = await route(req);
    if (answer === undefined) res.status(404).json({ error: 'not found' });
    else res.status(status).json(answer);
  };

/** A memory with its links and whoever links to it, read at once. */
const readMemory = async (id: string): Promise<unknown> => {
  const [memory, links, , backlinks] = await db.query<[object | undefined, object[], unknown, object[]]>(
    `SELECT * OMIT words FROM ONLY $memory;
     SELECT to, kind FROM edge WITH INDEX edge_from WHERE from = $id;
     LET $node = $memory.node;
     SELECT from, kind FROM edge WITH INDEX edge_to WHERE to = $node LIMIT 100;`,
    { id, memory: new RecordId('memory', id) },
  );
  return memory === undefined ? undefined : { ...memory, id, links, backlinks };
};

const insertMemory: Route = async ({ body }) => {
  const { content, name } = body as { content: string; name: string };
  const id = newId('msg');
  const row = {
    id: new RecordId('memory', id),
    name,
    node: nameNode(name),
    title: name,
    content,
    words: documentWords(content).join(' '),
    tags: content.match(TAG) ?? [],
    updated_at: Date.now(),
  };
  const edge = (to: string, kind: string) => ({
    id: new RecordId('edge', randomUUID()),
    from: id,
    to,
    kind,
  });
  const edges = [
    ...row.tags.map((tag) => edge(tagNode(tag), 'tagged_with')),
    ...[...content.matchAll(LINK)].map(([, to = '']) => edge(nameNode(to), 'links_to')),
  ];
  await write('BEGIN; INSERT INTO memory $row RETURN NONE; INSERT INTO edge $edges RETURN NONE; COMMIT;', {
    row,
    edges,
  });
  return readMemory(id);
};

app.post(
  '/api/v1/events',
  answering(201, async ({ body }) => {
    const given = body as { events?: { type: string; payload: object }[]; type: string; payload: object };
    const rows = (given.events ?? [given]).map(eventRow);
    await write('INSERT INTO event $rows RETURN NONE', { rows });
    return { data: rows.map(({ id, position: at, type }) => ({ id: id.id, position: at, type })) };
  }),
);
app.get(
  '/api/v1/events/:id',
  answering(200, async ({ params: { id } }) => {
    const [event] = await db.query<[object | undefined]>('SELECT * FROM ONLY $id', {
      id: new RecordId('event', String(id)),
    });
    return event === undefined ? undefined : { ...event, id };
  }),
);
app.get(
  '/api/v1/events',
  answering(200, async ({ query: { type, limit } }) => {
    const [data] = await db.query<[object[]]>(
      'SELECT * FROM event WITH INDEX event_type WHERE type = $type AND newest >= -9007199254740991 LIMIT $limit',
      { type, limit: Number(limit) },
    );
    return { data };
  }),
);
app.post('/api/v1/memory', answering(201, insertMemory));
app.get(
  '/api/v1/memory/:id',
  answering(200, ({ params: { id } }) => readMemory(String(id))),
);
app.post(
  '/api/v1/memory/query',
  answering(200, async ({ body }) => {
    const { tags, limit } = body as { tags: [string]; limit: number };
    const [, results] = await db.query<[unknown, object[]]>(
      `LET $ids = (SELECT VALUE type::record('memory', from) FROM edge WITH INDEX edge_to WHERE to = $tag);
       SELECT * OMIT words FROM $ids ORDER BY updated_at DESC LIMIT $limit;`,
      { tag: tagNode(tags[0]), limit },
    );
    return { results };
  }),
);
app.post(
  '/api/v1/memory/:id/tag',
  answering(200, async ({ params, body }) => {
    const id = String(params['id']);
    const { tag } = body as { tag: string };
    await write(
      `BEGIN; UPDATE $memory SET tags += $tag, updated_at = $now RETURN NONE;
       INSERT INTO edge $edge RETURN NONE; COMMIT;`,
      {
        memory: new RecordId('memory', id),
        tag,
        now: Date.now(),
        edge: { id: new RecordId('edge', randomUUID()), from: id, to: tagNode(tag), kind: 'tagged_with' },
      },
    );
    return readMemory(id);
  }),
);
app.get(
  '/api/v1/graph/nodes/:id',
  answering(200, async ({ params }) => {
    const id = String(params['id']);
    const [node, out, , into] = await db.query<[object | undefined, number, unknown, number]>(
      `SELECT name AS label FROM ONLY $memory;
       RETURN array::len((SELECT VALUE to FROM edge WITH INDEX edge_from WHERE from = $id));
       LET $node = $memory.node;
       RETURN array::len((SELECT VALUE from FROM edge WITH INDEX edge_to WHERE to = $node));`,
      { id, memory: new RecordId('memory', id) },
    );
    return node === undefined ? undefined : { ...node, id, kind: 'memory', out, in: into };
  }),
);

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
process.once('SIGTERM', () => process.exit(0));
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
