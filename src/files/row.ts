import { createHash } from 'node:crypto';
import type { Row, TableDefinition } from '../log/records.ts';

/** Why a file could not be taken over. */
export interface FileError {
  /** A stable word: `not_utf8`, `too_large`, `unreadable`, or a code of the error that a service gave. */
  readonly code: string;
  readonly message: string;
}

/** A watched file as it was last taken over. Times in ms since the epoch. */
export interface FileRow {
  readonly id: string;
  readonly world: string;
  /** The watched directory, as configured, absolute. */
  readonly root: string;
  /** Within the root, with `/`. */
  readonly path: string;
  readonly size: number;
  /** Of the bytes: a file that is merely touched keeps it. */
  readonly mtime_ms: number;
  /** SHA-256 of the bytes, hex; null: unreadable, or too large to be hashed. */
  readonly hash: string | null;
  /** What `lstat` said when it was hashed; while it says the same the bytes are the same. Null: hash it again. */
  readonly stamp: string | null;
  /** The memory that came out of it; of Markdown files only. */
  readonly memory_id: string | null;
  /** Its node in the graph; while there is a memory. */
  readonly node: string | null;
  readonly error: FileError | null;
  /** Moves on with each change: the guard against other writers. */
  readonly revision: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface DirectoryRow {
  readonly id: string;
  readonly world: string;
  readonly root: string;
  readonly path: string;
  readonly created_at: number;
}

/** Which directory lay at a root when it was last read: what tells it from an empty mount point. */
export interface RootRow {
  readonly id: string;
  readonly world: string;
  readonly root: string;
  readonly identity: string;
}

export const FILE_TABLE: TableDefinition = {
  name: 'file',
  indexes: [
    { name: 'file_place', fields: ['world', 'root', 'path'] },
    { name: 'file_hash', fields: ['world', 'root', 'hash', 'path'] },
  ],
};
export const DIRECTORY_TABLE: TableDefinition = {
  name: 'file_directory',
  indexes: [{ name: 'file_directory_place', fields: ['world', 'root', 'path'] }],
};
export const ROOT_TABLE: TableDefinition = { name: 'file_root', indexes: [] };

export const FILES_TABLES = [FILE_TABLE, DIRECTORY_TABLE, ROOT_TABLE] as const;

/** A watched directory. Its path, as configured, is its name. */
export interface RootPlace {
  /** Absolute. */
  readonly path: string;
  readonly world: string;
}

const digest = (root: string, path: string): string =>
  createHash('sha256').update(`${root}\n${path}`).digest('hex').slice(0, 16);

/** The graph's name of a file, and the subject of its events: `file:<16 hex>`, the same for the same place always. */
export const fileNodeId = (root: string, path: string): string => `file:${digest(root, path)}`;

/** The subject of a directory's events. */
export const directorySubject = (root: string, path: string): string => `directory:${digest(root, path)}`;

export const fileRowId = ({ world, path: root }: RootPlace, path: string): string =>
  `${world}/${fileNodeId(root, path)}`;
export const directoryRowId = ({ world, path: root }: RootPlace, path: string): string =>
  `${world}/${directorySubject(root, path)}`;
export const rootRowId = ({ world, path: root }: RootPlace): string => `${world}/root:${digest(root, '')}`;

export const asFileRow = (row: Row): FileRow => row as unknown as FileRow;
export const asDirectoryRow = (row: Row): DirectoryRow => row as unknown as DirectoryRow;
export const asRootRow = (row: Row): RootRow => row as unknown as RootRow;
/** Rows are JSON: their interfaces only lack the index signature. */
export const asRow = (row: FileRow | DirectoryRow | RootRow): Row => row as unknown as Row;
