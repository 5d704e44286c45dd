import path from 'node:path';
import type { HookRow } from '../registry/row.ts';
import type { FileHooks } from './file-hooks.ts';
import type { HookFile } from './plan.ts';
import { listHookFiles, readHookText } from './scan.ts';

/** The hook files as they were last read. Paths are absolute. */
export interface KnownFiles {
  /**
   * Reads these files anew. Besides, forgets those that are gone and takes in good ones that have come, whose own change
   * is yet to be told: a renamed file is seen at its new place in the moment in which it is missed at its old one.
   */
  refresh(paths: ReadonlySet<string>, rows: readonly HookRow[]): Promise<void>;
  files(): readonly HookFile[];
  /** The hook files that depend on this file, a script or what else they name. */
  dependents(file: string): readonly string[];
  within(root: string): readonly string[];
}

interface KnownFile extends HookFile {
  readonly watch: readonly string[];
}

/** The root that a path lies in. */
export const rootOf = (roots: readonly string[], file: string): string | undefined =>
  roots.find((root) => file === root || file.startsWith(root + path.sep));

export const createKnownFiles = (
  roots: readonly string[],
  hooks: Pick<FileHooks, 'readFile' | 'probeFile'>,
): KnownFiles => {
  const known = new Map<string, KnownFile>();

  const read = async (
    absolute: string,
    rows: ReadonlyMap<string, HookRow>,
  ): Promise<KnownFile | undefined> => {
    const root = rootOf(roots, absolute);
    if (root === undefined) return undefined;
    const file = path.relative(root, absolute);
    const text = await readHookText(root, file);
    if (text.kind === 'gone') return undefined;
    if (text.kind === 'unreadable')
      return { path: absolute, file, name: undefined, hook: undefined, issues: [text.issue], watch: [] };
    const candidate = await hooks.readFile({ text: text.text, root, file });
    const { name, watch } = candidate;
    // What is registered already has been judged whole; a resolver that is away must not call it wrong at a restart.
    const isRegistered = candidate.hook !== undefined && rows.get(name ?? '')?.hash === candidate.hook.hash;
    const issues = isRegistered ? [] : await hooks.probeFile(candidate);
    return {
      path: absolute,
      file,
      name,
      hook: issues.length === 0 ? candidate.hook : undefined,
      issues,
      watch,
    };
  };

  return {
    refresh: async (paths, rows) => {
      const byName = new Map(rows.map((row) => [row.id, row]));
      const listed = await listing(roots);
      for (const each of new Set([...paths, ...known.keys(), ...listed])) {
        const isNews = paths.has(each);
        if (!isNews && known.has(each) === listed.has(each)) continue;
        const file = await read(each, byName);
        if (file === undefined) known.delete(each);
        // Half of a file that is being written is no news; its whole will be.
        else if (isNews || file.hook !== undefined) known.set(each, file);
      }
    },
    files: () => [...known.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    dependents: (file) =>
      [...known.values()].flatMap(({ path: own, watch }) => (watch.includes(file) ? [own] : [])),
    within: (root) => [...known.keys()].filter((file) => rootOf(roots, file) === root),
  };
};

/** What is there now. A directory that cannot be listed counts as empty: each of its known files is then looked at itself. */
const listing = async (roots: readonly string[]): Promise<ReadonlySet<string>> => {
  const lists = await Promise.all(
    roots.map(async (root) => {
      const files = await listHookFiles(root).catch((): readonly string[] => []);
      return files.map((file) => path.join(root, file));
    }),
  );
  return new Set(lists.flat());
};
