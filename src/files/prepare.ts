import type { Clock } from '../kernel/clock.ts';
import type { NewId } from '../kernel/ids.ts';
import type { OpenRoot } from './open-root.ts';
import { isDocument } from './place.ts';
import type { FileAction } from './plan.ts';
import { readBytes } from './read.ts';
import type { FileError } from './row.ts';

/** The largest Markdown file that becomes a memory, in bytes. */
const MAX_DOCUMENT_BYTES = 1024 * 1024;

/** What becomes of the memory of a file. */
export type DocumentStep =
  | { readonly op: 'create' | 'update'; readonly id: string; readonly content: string }
  | { readonly op: 'remove'; readonly id: string }
  /** It has no memory, or keeps the one that it has. */
  | { readonly op: 'keep' };

/** An action with everything that it needs from the disk. */
export interface Prepared {
  readonly action: FileAction;
  readonly document: DocumentStep;
  /** Why the file was not taken over. */
  readonly failure: FileError | null;
  /** When work on it began, ms. */
  readonly startedMs: number;
}

const KEEP: DocumentStep = { op: 'keep' };

/**
 * Reads what an action needs. Undefined: the file is not what the plan saw any more; it is to be looked at again.
 */
export const prepare = async (
  root: OpenRoot,
  action: FileAction,
  { clock, newId }: { readonly clock: Clock; readonly newId: NewId },
): Promise<Prepared | undefined> => {
  const startedMs = clock.now();
  const prepared = (document: DocumentStep, failure: FileError | null = null): Prepared => ({
    action,
    document,
    failure,
    startedMs,
  });
  const memory = 'known' in action && 'memory_id' in action.known ? action.known.memory_id : null;
  if (action.kind === 'deleted') return prepared(memory === null ? KEEP : { op: 'remove', id: memory });
  if (!('found' in action) || action.kind === 'restamped') return prepared(KEEP);

  const { path, hash, error } = action.found;
  if (error !== null) return prepared(KEEP, error);
  if (!isDocument(path)) return prepared(memory === null ? KEEP : { op: 'remove', id: memory });
  const read = await readBytes(root, path, MAX_DOCUMENT_BYTES);
  if (read.kind === 'gone' || read.kind === 'unstable') return undefined;
  if (read.kind === 'unreadable')
    return prepared(KEEP, { code: 'unreadable', message: `the file cannot be read: ${read.reason}` });
  if (read.value === undefined) {
    const message = `the file has more than ${MAX_DOCUMENT_BYTES} bytes, which is the most that a memory may have`;
    return prepared(KEEP, { code: 'too_large', message });
  }
  if (read.value.hash !== hash) return undefined;
  const text = textOf(read.value.bytes);
  if (typeof text !== 'string') return prepared(KEEP, text);
  return prepared({
    op: memory === null ? 'create' : 'update',
    id: memory ?? newId('msg'),
    content: text,
  });
};

/** A byte order mark is no part of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

const textOf = (bytes: Uint8Array): string | FileError => {
  try {
    const text = utf8.decode(bytes);
    if (!text.includes('\0')) return text;
    return { code: 'not_utf8', message: 'the file holds a NUL, so it is no UTF-8 text' };
  } catch {
    return { code: 'not_utf8', message: 'the file is not UTF-8 text; save it in that encoding' };
  }
};
