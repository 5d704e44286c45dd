import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { EXIT, usageFailure } from '../exit.ts';
import { printable } from '../printable.ts';
import type { Session } from '../session.ts';

interface Document {
  readonly id: string;
  readonly name: string;
  readonly content: string;
}

interface Found {
  readonly path: string;
  /** As it was typed, or below a directory that was. */
  readonly shown: string;
}

/** What one request holds: the server takes 25 documents, and 1 MiB as JSON. */
const MAX_DOCUMENTS = 25;
const MAX_BYTES = 512 * 1024;

/**
 * An id that the same file with the same text has every time, so that an import may be repeated: a UUID of version 7
 * (RFC 9562) of when it was last changed, and of its name and text instead of chance.
 */
export const documentId = (shown: string, content: string, changedMs: number): string => {
  const time = Math.max(0, Math.floor(changedMs)).toString(16).padStart(12, '0').slice(-12);
  const hash = createHash('sha256').update(shown).update('\0').update(content).digest('hex');
  const variant = ((Number.parseInt(hash.slice(3, 4), 16) & 3) | 8).toString(16);
  return `msg_${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-${variant}${hash.slice(4, 7)}-${hash.slice(7, 19)}`;
};

/** The file itself; of a directory all Markdown files, those that are hidden and dependencies apart. */
async function* filesAt(cwd: string, shown: string): AsyncGenerator<Found> {
  const path = resolve(cwd, shown);
  const found = await stat(path).catch((error: unknown) => {
    throw usageFailure(`cannot read ${shown}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (!found.isDirectory()) {
    yield { path, shown };
    return;
  }
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const isMarkdown = entry.isFile() && /^\.(?:md|markdown)$/i.test(extname(entry.name));
    if (entry.isDirectory() || isMarkdown) yield* filesAt(cwd, join(shown, entry.name));
  }
}

const readDocument = async ({ path, shown }: Found): Promise<Document> => {
  const [bytes, { mtimeMs }] = await Promise.all([readFile(path), stat(path)]);
  const content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return { id: documentId(shown, content, mtimeMs), name: basename(path, extname(path)), content };
};

/** `crucible memory import`: bounded requests, one after the other; what is refused is told and does not stop the rest. */
export const importFiles = async (session: Session, paths: readonly string[]): Promise<void> => {
  const count = { imported: 0, known: 0, refused: 0 };
  const refuse = (shown: string, message: string): void => {
    count.refused += 1;
    session.note(`${printable(shown)}: ${printable(message)}`);
  };
  let batch: { readonly shown: string; readonly document: Document }[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const documents = batch.map(({ document }) => ({ ...document }));
    const { data } = await session.client.memory.importBatch.mutate({ documents });
    for (const [index, result] of data.entries()) {
      const errors = (result.error?.errors ?? []).map(({ message }) => message);
      if (result.error !== undefined)
        refuse(batch[index]?.shown ?? '', [result.error.message, ...errors].join('; '));
      else if (result.imported) count.imported += 1;
      else count.known += 1;
    }
    batch = [];
    bytes = 0;
  };
  for (const path of paths) {
    for await (const found of filesAt(session.io.cwd, path)) {
      const document = await readDocument(found).catch((error: unknown) => {
        refuse(found.shown, error instanceof TypeError ? 'is not UTF-8' : String(error));
      });
      if (document === undefined) continue;
      // As it is sent: quotes and line ends take more room in JSON.
      const size = JSON.stringify(document.content).length * 2;
      if (batch.length === MAX_DOCUMENTS || bytes + size > MAX_BYTES) await send();
      batch.push({ shown: found.shown, document });
      bytes += size;
    }
  }
  await send();
  session.print(count);
  if (count.refused > 0) session.endWith(EXIT.failed);
};
