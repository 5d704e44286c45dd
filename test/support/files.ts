/** Watched directories on the disk, with the real writer, log and graph over the memory twin of the store. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import type { DocumentChange, Documents } from '../../src/files/documents.ts';
import { FILES_TABLES, type FileRow } from '../../src/files/row.ts';
import { createFiles, type FilesDeps, type WatchedFiles } from '../../src/files/service.ts';
import type { Reconciled } from '../../src/files/reconcile.ts';
import { createExpandGraph } from '../../src/graph/expand.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { withOrigin } from '../../src/kernel/context.ts';
import { CrucibleError } from '../../src/kernel/errors.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import type { Log } from '../../src/log/log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../src/log/memory-store.ts';
import type { Records, TableDefinition } from '../../src/log/records.ts';
import type { LogStore } from '../../src/log/store.ts';
import type { Change, GraphChange, Proposal } from '../../src/state/change.ts';
import { createStateWriter } from '../../src/state/writer.ts';
import { recordingLogger, type LogLine } from './hooks.ts';

const NOTE_TABLE: TableDefinition = { name: 'note', indexes: [] };
export const TEST_TABLES = [...FILES_TABLES, ...GRAPH_TABLES, NOTE_TABLE];

export const filesOrigin = (world = 'default'): Origin => ({
  source: { kind: 'system', component: 'files' },
  actor: 'system:files',
  world,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
});

/**
 * Memories as the port asks for them, told plainly: a row for each, and the events. Content that says `refuse me` is
 * refused.
 */
export const plainDocuments = (records: Records): Documents => ({
  async plan(changes, world) {
    const ids = [...new Set(changes.map(({ id }) => id))];
    const there = new Map(
      (
        await records.getMany(
          NOTE_TABLE.name,
          ids.map((id) => `${world}/${id}`),
        )
      ).map((row) => [textOf(row['memory']), row]),
    );
    const parts = changes.map((change): Change => {
      const rowId = `${world}/${change.id}`;
      if (change.op === 'remove') {
        if (!there.has(change.id)) return { events: [], mutations: [] };
        return {
          events: [
            { type: 'memory.deleted', payload: { id: change.id, reason: change.reason }, subject: change.id },
          ],
          mutations: [{ op: 'remove', table: NOTE_TABLE.name, id: rowId }],
          graph: [{ op: 'remove_node', id: change.id }],
        };
      }
      if (change.content.includes('refuse me')) throw new CrucibleError('invalid', 'This memory is refused');
      return written(change, rowId, there.get(change.id));
    });
    return {
      events: parts.flatMap(({ events }) => events),
      mutations: parts.flatMap(({ mutations }) => mutations),
      graph: parts.flatMap(({ graph = [] }) => graph),
    };
  },
});

const written = (
  change: Exclude<DocumentChange, { op: 'remove' }>,
  rowId: string,
  before: JsonObject | undefined,
): Change => {
  const { id, content, name, metadata, fileNode } = change;
  const events: readonly Proposal[] =
    before === undefined
      ? [{ type: 'memory.created', payload: { id, content, metadata }, subject: id }]
      : [
          {
            type: 'memory.updated',
            payload: { id, previous_hash: null, new_hash: '', patch: [] },
            subject: id,
          },
        ];
  const edge: GraphChange = {
    op: 'add_edge',
    edge: { from: id, to: fileNode.id, kind: 'stored_in' },
    ends: [{ id, kind: 'memory', label: name }, fileNode],
  };
  const row = { id: rowId, memory: id, name, content, metadata };
  return { events, mutations: [{ op: 'put', table: NOTE_TABLE.name, row }], graph: [edge] };
};

export interface OpenFiles {
  readonly log: Log;
  readonly lines: readonly LogLine[];
  readonly files: WatchedFiles;
  /** Events of these types, told shortly: type, path and what else matters. */
  told(...types: readonly string[]): Promise<readonly string[]>;
  events(...types: readonly string[]): Promise<readonly CrucibleEvent[]>;
  rows(): Promise<readonly FileRow[]>;
  /** The notes by their names. */
  notes(): Promise<Readonly<Record<string, JsonObject>>>;
  scan(request?: Parameters<WatchedFiles['scan']>[0]): ReturnType<WatchedFiles['scan']>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param roots directories, in the world `default`, or places */
export const openFiles = async (
  roots: readonly (string | FilesDeps['roots'][number])[],
  more: Partial<FilesDeps> & { readonly disk?: MemoryDisk; readonly store?: LogStore } = {},
): Promise<OpenFiles> => {
  const lines: LogLine[] = [];
  const logger = recordingLogger(lines);
  const clock = { now: () => Date.now() };
  const store =
    more.store ?? createMemoryStore({ tables: TEST_TABLES, disk: more.disk ?? createMemoryDisk() });
  const log = await createLog({ store, reactor: idleReactor, clock, logger });
  const { records } = log;
  const writer = createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: createExpandGraph({ records, clock }),
  });
  const files = createFiles({
    roots: roots.map((root) => (typeof root === 'string' ? { path: root, world: 'default' } : root)),
    ignore: ['.*', 'node_modules', '*~'],
    exclude: [],
    records,
    answered: log.answered,
    writer,
    documents: plainDocuments(records),
    systemOrigin: filesOrigin,
    newId,
    clock,
    logger,
    settleMs: 40,
    checkMs: 20,
    retryMs: 20,
    ...more,
  });
  const events: OpenFiles['events'] = async (...types) => {
    const all: CrucibleEvent[] = [];
    for await (const item of log.replay({ after: 0 }))
      if (item.kind === 'event' && (types.length === 0 || types.some((type) => fits(item.event.type, type))))
        all.push(item.event);
    return all;
  };
  return {
    log,
    lines,
    files,
    events,
    told: async (...types) => (await events(...types)).map(inShort),
    rows: async () => (await files.list({ limit: 1_000 })).files,
    notes: async () =>
      Object.fromEntries(
        (await records.list(NOTE_TABLE.name, { limit: 1_000 })).map((row) => [row['name'], row]),
      ),
    scan: (request = {}) => withOrigin(filesOrigin(), () => files.scan(request)),
    [Symbol.asyncDispose]: async () => {
      await files.close();
      await log.close();
    },
  };
};

const fits = (type: string, pattern: string): boolean =>
  pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const inShort = ({ type, payload }: CrucibleEvent): string => {
  const { path: at, id, old_path: from, new_path: to, success, error } = payload;
  const where = from === undefined ? textOf(at ?? id) : `${textOf(from)} > ${textOf(to)}`;
  const code = (error as { readonly code?: string } | undefined)?.code;
  const outcome = success === undefined ? '' : success === true ? ' ok' : ` ${code}`;
  return `${type.replace('file.', '')} ${where}${outcome}`;
};

/** A directory that is gone after the test, with these files in it. */
export const vault = async (files: Readonly<Record<string, string | Uint8Array>> = {}) => {
  const made = await realpath(await mkdtemp(path.join(os.tmpdir(), 'crucible-files-')));
  const put = async (name: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(path.dirname(path.join(made, name)), { recursive: true });
    await writeFile(path.join(made, name), content);
  };
  for (const [name, content] of Object.entries(files)) await put(name, content);
  return {
    path: made,
    at: (name: string) => path.join(made, name),
    put,
    [Symbol.asyncDispose]: () => rm(made, { recursive: true, force: true }),
  };
};

/** Does something to files and waits until they were looked at and `holds`. */
export const until = async (
  files: WatchedFiles,
  holds: (result: Reconciled) => Promise<boolean>,
  change: () => Promise<unknown>,
): Promise<void> => {
  let end = (): void => undefined;
  const held = new Promise<void>((resolve, reject) => {
    const look = async (result: Reconciled): Promise<void> => {
      if (await holds(result)) resolve();
    };
    end = files.onLooked((_root, result) => void look(result).catch(reject));
  });
  try {
    await change();
    await held;
  } finally {
    end();
  }
};
