import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { parse } from 'yaml';

/** A Markdown note as the demo publishes it. A type, not an interface: it is the payload of an event. */
export type Note = {
  readonly path: string;
  readonly title: string;
  readonly text: string;
  readonly tags: string[];
};

/** An event's payload may have 256 KiB; a longer note is cut, and says so. */
const MAX_TEXT = 200_000;

const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?/;
const TAG = /(?:^|\s)#([\p{L}\d][\p{L}\d_/-]*)/gu;

/** Title: front matter, else the first heading, else the file's name. Tags: front matter and `#tags` of the text. */
export const readNote = (path: string, content: string): Note => {
  const [head = '', yaml = ''] = FRONT_MATTER.exec(content) ?? [];
  const matter = asRecord(yaml === '' ? {} : tryParse(yaml));
  const text = content.slice(head.length);
  const heading = /^#\s+(.+)$/m.exec(text)?.[1];
  const given = Array.isArray(matter['tags']) ? matter['tags'].map(String) : [];
  const inText = [...text.matchAll(TAG)].map(([, tag = '']) => tag);
  const title = typeof matter['title'] === 'string' ? matter['title'] : (heading ?? basename(path, '.md'));
  return {
    path,
    title: title.trim(),
    text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}\n[cut by the demo]` : text,
    tags: [...new Set([...given, ...inText].map((tag) => `#${tag.replace(/^#/, '').toLowerCase()}`))],
  };
};

/** A note with broken front matter is still a note. */
const tryParse = (yaml: string): unknown => {
  try {
    return parse(yaml, { maxAliasCount: 0 });
  } catch {
    return {};
  }
};

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** Every `.md` file under a directory, in the order of paths; hidden folders and node_modules are left out. */
export const readNotes = async (dir: string): Promise<readonly Note[]> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/(^|\/)(\.|node_modules\/)/.test(relative(dir, path)))
    .toSorted();
  return Promise.all(files.map(async (path) => readNote(relative(dir, path), await readFile(path, 'utf8'))));
};
