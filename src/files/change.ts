import type { JsonObject } from '../kernel/json.ts';
import type { Mutation } from '../log/records.ts';
import type { Change, GraphChange, GraphNode, Proposal } from '../state/change.ts';
import type { DocumentChange } from './documents.ts';
import { mimeTypeOf } from './mime.ts';
import { documentName, isDocument } from './place.ts';
import type { FoundFile } from './plan.ts';
import type { DocumentStep, Prepared } from './prepare.ts';
import {
  asRow,
  DIRECTORY_TABLE,
  directoryRowId,
  directorySubject,
  FILE_TABLE,
  fileNodeId,
  fileRowId,
  type FileRow,
  type RootPlace,
} from './row.ts';

/** How an action's memory changes, for the memories. */
export const documentChange = (
  place: RootPlace,
  { action, document }: Prepared,
): DocumentChange | undefined => {
  if (document.op === 'keep') return undefined;
  if (document.op === 'remove') {
    const reason =
      action.kind === 'deleted' ? 'its file was deleted' : 'its file is no Markdown file any more';
    return { op: 'remove', id: document.id, reason };
  }
  if (!('found' in action)) return undefined;
  const { path } = action.found;
  return {
    ...document,
    name: documentName(path),
    metadata: { file: { root: place.path, path } },
    fileNode: fileNode(place, path),
  };
};

const fileNode = (place: RootPlace, path: string): GraphNode => ({
  id: fileNodeId(place.path, path),
  kind: 'file',
  label: path,
});

/**
 * What actions do to rows, to the graph and to the log, apart from their memories. `processed` tells of these and so
 * belongs behind their events.
 */
export const fileChange = (
  place: RootPlace,
  batch: readonly Prepared[],
  nowMs: number,
): { readonly change: Change; readonly processed: readonly Proposal[] } => {
  const parts = batch.map((prepared) => stepOf(place, prepared, nowMs));
  return {
    change: {
      events: parts.flatMap(({ events }) => events),
      mutations: parts.flatMap(({ mutations }) => mutations),
      graph: parts.flatMap(({ graph = [] }) => graph),
    },
    processed: batch.flatMap((prepared) => processedEvent(place, prepared, nowMs)),
  };
};

const stepOf = (place: RootPlace, prepared: Prepared, nowMs: number): Change => {
  const { action } = prepared;
  const root = place.path;
  switch (action.kind) {
    case 'directory_created': {
      const { path } = action;
      const id = directoryRowId(place, path);
      const row = { id, world: place.world, root, path, created_at: nowMs };
      return {
        events: [
          { type: 'file.directory_created', payload: { path, root }, subject: directorySubject(root, path) },
        ],
        mutations: [{ op: 'create', table: DIRECTORY_TABLE.name, row: asRow(row) }],
      };
    }
    case 'directory_deleted': {
      const { path, id } = action.known;
      return {
        events: [
          { type: 'file.directory_deleted', payload: { path, root }, subject: directorySubject(root, path) },
        ],
        mutations: [{ op: 'remove', table: DIRECTORY_TABLE.name, id }],
      };
    }
    case 'created': {
      const row = newRow(place, prepared, action.found, undefined, nowMs);
      const { path, hash } = action.found;
      return {
        events: [
          event(root, path, {
            type: 'file.created',
            payload: { path, root, ...hashOf('hash', hash), ...factsOf(action.found) },
          }),
        ],
        mutations: [{ op: 'create', table: FILE_TABLE.name, row: asRow(row) }],
      };
    }
    case 'renamed': {
      const { known, found } = action;
      const row = newRow(place, prepared, found, known, nowMs);
      const payload = {
        old_path: known.path,
        new_path: found.path,
        root,
        ...hashOf('hash', found.hash),
        ...factsOf(found),
      };
      return {
        events: [event(root, found.path, { type: 'file.renamed', payload })],
        mutations: [...removal(known), { op: 'create', table: FILE_TABLE.name, row: asRow(row) }],
        graph: nodeRemoval(known, row.node),
      };
    }
    case 'modified': {
      const { known, found } = action;
      const payload = {
        path: found.path,
        root,
        ...hashOf('previous_hash', known.hash),
        ...hashOf('new_hash', found.hash),
        ...factsOf(found),
      };
      return {
        ...reread(place, prepared, action, seenOf(found), nowMs),
        events: [event(root, found.path, { type: 'file.modified', payload })],
      };
    }
    case 'readable':
      // The same bytes: what was told of them stays.
      return reread(place, prepared, action, { stamp: action.found.stamp }, nowMs);
    case 'unreadable':
      // What the bytes are is not known: the last that is known of them stays.
      return {
        events: [],
        mutations: [patch(action.known, { stamp: action.found.stamp, error: prepared.failure }, nowMs)],
      };
    case 'restamped':
      // Somebody touched it. No event tells that, so nothing that is told changes: its time is that of its bytes.
      return { events: [], mutations: [patch(action.known, { stamp: action.found.stamp }, nowMs)] };
    case 'deleted': {
      const { known } = action;
      const payload = { path: known.path, root, ...hashOf('previous_hash', known.hash) };
      return {
        events: [event(root, known.path, { type: 'file.deleted', payload })],
        mutations: removal(known),
        graph: nodeRemoval(known, null),
      };
    }
  }
};

/** What is kept of a file that was read again in its place. Its node is another one if it was renamed while it was bad. */
const reread = (
  place: RootPlace,
  prepared: Prepared,
  { known, found }: { readonly known: FileRow; readonly found: FoundFile },
  seen: Partial<FileRow>,
  nowMs: number,
): Change => {
  const document = documentOf(place, prepared, found, known);
  return {
    events: [],
    mutations: [patch(known, { ...seen, ...document }, nowMs)],
    graph: nodeRemoval(known, document.node),
  };
};

const event = <T extends { readonly type: Proposal['type']; readonly payload: Proposal['payload'] }>(
  root: string,
  path: string,
  told: T,
): T & { readonly subject: string } => ({ ...told, subject: fileNodeId(root, path) });

const hashOf = <Key extends string>(key: Key, hash: string | null): { readonly [K in Key]?: string } =>
  hash === null ? {} : ({ [key]: hash } as { readonly [K in Key]?: string });

const seenOf = ({ size, mtime_ms, hash, stamp }: FoundFile) => ({ size, mtime_ms, hash, stamp });

/** As ISO 8601 writes it with a year of four digits; undefined: it cannot. File systems allow any number. */
const timeOf = (ms: number): string | undefined => {
  const date = new Date(ms);
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
};

const factsOf = ({ path, size, mtime_ms: mtimeMs }: FoundFile) => {
  const type = mimeTypeOf(path);
  const time = timeOf(mtimeMs);
  return {
    size,
    ...(type === undefined ? {} : { mime_type: type }),
    ...(time === undefined ? {} : { modified_at: time }),
  };
};

/** Memory, node and error of a row after its file was worked on. */
const documentOf = (
  place: RootPlace,
  { document, failure }: Prepared,
  { path }: FoundFile,
  known: FileRow | undefined,
): Pick<FileRow, 'memory_id' | 'node' | 'error'> => ({
  ...memoryOf(place, document, path, known),
  error: failure,
});

const memoryOf = (place: RootPlace, document: DocumentStep, path: string, known: FileRow | undefined) => {
  if (document.op === 'remove') return { memory_id: null, node: null };
  if (document.op === 'keep') return { memory_id: known?.memory_id ?? null, node: known?.node ?? null };
  return { memory_id: document.id, node: fileNodeId(place.path, path) };
};

const newRow = (
  place: RootPlace,
  prepared: Prepared,
  found: FoundFile,
  known: FileRow | undefined,
  nowMs: number,
): FileRow => ({
  id: fileRowId(place, found.path),
  world: place.world,
  root: place.path,
  path: found.path,
  ...seenOf(found),
  ...documentOf(place, prepared, found, known),
  revision: 1,
  created_at: known?.created_at ?? nowMs,
  updated_at: nowMs,
});

const patch = (known: FileRow, set: Partial<FileRow>, nowMs: number): Mutation => ({
  op: 'patch',
  table: FILE_TABLE.name,
  id: known.id,
  when: { revision: known.revision },
  // Fields of a row are JSON: the type only lacks the index signature.
  set: { ...set, revision: known.revision + 1, updated_at: nowMs } as unknown as JsonObject,
});

/** Only the row that was planned for: the patch is its guard. */
const removal = (known: FileRow): readonly Mutation[] => [
  { op: 'patch', table: FILE_TABLE.name, id: known.id, when: { revision: known.revision }, set: {} },
  { op: 'remove', table: FILE_TABLE.name, id: known.id },
];

const nodeRemoval = ({ node }: FileRow, stays: string | null): readonly GraphChange[] =>
  node === null || node === stays ? [] : [{ op: 'remove_node', id: node }];

const processedEvent = (place: RootPlace, prepared: Prepared, nowMs: number): readonly Proposal[] => {
  const { action, document, failure, startedMs } = prepared;
  if (!('found' in action) || action.kind === 'restamped') return [];
  const { path } = action.found;
  // Of a file that is no document there is something to tell when it failed, and when it does no longer.
  const failed = failure !== null || ('known' in action && action.known.error !== null);
  if (!failed && !isDocument(path)) return [];
  const made = document.op === 'create' || document.op === 'update' ? { memory_ids: [document.id] } : {};
  const payload = {
    path,
    root: place.path,
    success: failure === null,
    ...made,
    duration_ms: Math.max(0, nowMs - startedMs),
    ...(failure === null ? {} : { error: failure }),
  };
  return [{ type: 'file.processed', payload, subject: fileNodeId(place.path, path) }];
};
