import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ancestorsOf } from './place.ts';
import { planFiles, type FileAction, type Found, type Known } from './plan.ts';
import { directoryRowId, fileRowId, type DirectoryRow, type FileRow } from './row.ts';

const root = { path: '/vault', world: 'default' };
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A tree: paths to contents. Directories are those on the way, and `empty` ones. */
interface Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly empty: ReadonlySet<string>;
}

const onDisk = ({ files, empty }: Tree): Found => ({
  files: [...files].map(([path, text]) => ({
    path,
    size: text.length,
    mtime_ms: 1,
    stamp: hashOf(`${path}${text}`),
    hash: hashOf(text),
    error: null,
  })),
  directories: [
    ...new Set([
      ...[...files.keys(), ...empty].flatMap(ancestorsOf),
      ...[...empty].filter((path) => path !== ''),
    ]),
  ],
});

const rowOf = (path: string, hash: string | null, more: Partial<FileRow> = {}): FileRow => ({
  id: fileRowId(root, path),
  world: 'default',
  root: root.path,
  path,
  size: 1,
  mtime_ms: 1,
  hash,
  stamp: null,
  memory_id: null,
  node: null,
  error: null,
  revision: 1,
  created_at: 1,
  updated_at: 1,
  ...more,
});
const directoryOf = (path: string): DirectoryRow => ({
  id: directoryRowId(root, path),
  world: 'default',
  root: root.path,
  path,
  created_at: 1,
});

/** What the rows are after the plan, applied one action at a time; every action must find what it speaks of. */
const applied = (
  known: Known,
  actions: readonly FileAction[],
): { files: Map<string, FileRow>; directories: Set<string> } => {
  const files = new Map(known.files.map((row) => [row.path, row]));
  const directories = new Set(known.directories.map(({ path }) => path));
  const take = (path: string): void => expect(files.delete(path)).toBe(true);
  for (const action of actions) {
    switch (action.kind) {
      case 'directory_created':
        expect(directories.has(action.path)).toBe(false);
        directories.add(action.path);
        break;
      case 'directory_deleted':
        expect(directories.delete(action.known.path)).toBe(true);
        break;
      case 'deleted':
        take(action.known.path);
        break;
      case 'created':
        expect(files.has(action.found.path)).toBe(false);
        files.set(action.found.path, rowOf(action.found.path, action.found.hash));
        break;
      default:
        take(action.known.path);
        expect(files.has(action.found.path)).toBe(false);
        files.set(
          action.found.path,
          rowOf(action.found.path, action.found.hash, { memory_id: action.known.memory_id }),
        );
    }
  }
  return { files, directories };
};

const name = fc.constantFrom('a', 'b', 'c.md', 'd.md', 'e-');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const text = fc.constantFrom('', 'one', 'two', 'three');

/** No file may be a directory on the way to another one. */
const tree = fc
  .record({
    files: fc.array(fc.tuple(path, text), { maxLength: 12 }),
    empty: fc.array(path, { maxLength: 3 }),
  })
  .map(({ files, empty }): Tree => {
    const kept = new Map<string, string>();
    const directories = new Set(empty.flatMap((each) => [...ancestorsOf(each), each]));
    for (const [each, content] of files) {
      const isFree = !directories.has(each) && !ancestorsOf(each).some((above) => kept.has(above));
      if (!isFree) continue;
      kept.set(each, content);
      for (const above of ancestorsOf(each)) directories.add(above);
    }
    return {
      files: kept,
      empty: new Set(
        empty.filter((each) => !kept.has(each) && !ancestorsOf(each).some((above) => kept.has(above))),
      ),
    };
  });

const knownOf = (before: Tree): Known => {
  const { files, directories } = onDisk(before);
  return {
    files: files.map(({ path: each, hash, stamp, size }) =>
      rowOf(each, hash, { stamp, size, memory_id: `msg:${each}` }),
    ),
    directories: directories.map(directoryOf),
  };
};

describe('planFiles', () => {
  it('makes the rows what the disk is, whatever was edited', () => {
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        const known = knownOf(before);
        const found = onDisk(after);
        const plan = planFiles(known, found);
        const { files, directories } = applied(known, plan.actions);
        expect(new Map([...files].map(([each, { hash }]) => [each, hash]))).toEqual(
          new Map([...after.files].map(([each, content]) => [each, hashOf(content)])),
        );
        expect(directories).toEqual(new Set(found.directories));
        // No memory is in two files, and none is lost whose bytes are still somewhere new under no other memory.
        const memories = [...files.values()].flatMap(({ memory_id: id }) => (id === null ? [] : [id]));
        expect(new Set(memories).size).toBe(memories.length);
        const count = (kind: FileAction['kind']): number =>
          plan.actions.filter((action) => action.kind === kind).length;
        expect(plan.unchanged + count('modified') + count('renamed') + count('deleted')).toBe(
          before.files.size,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('says nothing of a tree that is as it was, and the same whatever the order of what it is given', () => {
    fc.assert(
      fc.property(tree, tree, fc.integer(), (before, after, seed) => {
        expect(planFiles(knownOf(before), onDisk(before)).actions).toEqual([]);
        const shuffle = <T>(items: readonly T[]): T[] =>
          items.toSorted((a, b) =>
            hashOf(`${seed}${JSON.stringify(a)}`) < hashOf(`${seed}${JSON.stringify(b)}`) ? -1 : 1,
          );
        const known = knownOf(before);
        const found = onDisk(after);
        expect(
          planFiles(
            { files: shuffle(known.files), directories: shuffle(known.directories) },
            { files: shuffle(found.files), directories: shuffle(found.directories) },
          ).actions,
        ).toEqual(planFiles(known, found).actions);
      }),
    );
  });

  it('tells of directories from the outside in when they come, and from the inside out when they go', () => {
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        const { actions } = planFiles(knownOf(before), onDisk(after));
        const come = actions.flatMap((action) => (action.kind === 'directory_created' ? [action.path] : []));
        const go = actions.flatMap((action) =>
          action.kind === 'directory_deleted' ? [action.known.path] : [],
        );
        for (const [i, each] of come.entries())
          for (const above of ancestorsOf(each)) expect(come.indexOf(above)).toBeLessThan(i);
        for (const [i, each] of go.entries())
          for (const above of ancestorsOf(each).filter((parent) => go.includes(parent)))
            expect(go.indexOf(above)).toBeGreaterThan(i);
      }),
    );
  });

  const renamesOf = (before: Record<string, string>, after: Record<string, string>): readonly string[] =>
    planFiles(
      knownOf({ files: new Map(Object.entries(before)), empty: new Set() }),
      onDisk({ files: new Map(Object.entries(after)), empty: new Set() }),
    ).actions.flatMap((action) =>
      action.kind === 'renamed' ? [`${action.known.path} > ${action.found.path}`] : [],
    );

  it.each([
    ['a moved file', { 'a/x.md': 'one' }, { 'b/y.md': 'one' }, ['a/x.md > b/y.md']],
    [
      'a moved directory with twins',
      { 'a/x': 'one', 'a/y': 'one' },
      { 'b/x': 'one', 'b/y': 'one' },
      ['a/x > b/x', 'a/y > b/y'],
    ],
    [
      'twins of one name',
      { 'a/s/x': 'one', 'a/x': 'one' },
      { 'b/s/x': 'one', 'c/x': 'one' },
      ['a/s/x > b/s/x', 'a/x > c/x'],
    ],
    ['twins that all have other names', { a: 'one', b: 'one' }, { c: 'one', d: 'one' }, ['a > c', 'b > d']],
    ['one of two twins', { a: 'one', b: 'one' }, { b: 'one', c: 'one' }, ['a > c']],
    ['a copy, which is no rename', { a: 'one' }, { a: 'one', b: 'one' }, []],
    ['two that change places', { a: 'one', b: 'two' }, { a: 'two', b: 'one' }, []],
    ['one that is moved over another', { a: 'one', b: 'two' }, { b: 'one' }, []],
    ['empty files', { a: '', b: '' }, { c: '', 'd/b': '' }, ['b > d/b']],
  ])('%s', (_, before, after, expected) => {
    expect(renamesOf(before, after)).toEqual(expected);
  });

  it('takes a file in the place of a directory for both', () => {
    const known = knownOf({ files: new Map([['a/x', 'one']]), empty: new Set() });
    const found = onDisk({ files: new Map([['a', 'two']]), empty: new Set() });
    expect(planFiles(known, found).actions.map(({ kind }) => kind)).toEqual([
      'created',
      'deleted',
      'directory_deleted',
    ]);
  });

  const foundWith = (hash: string | null, unreadable: boolean) => ({
    path: 'a',
    size: 1,
    mtime_ms: 1,
    stamp: 's',
    hash,
    error: unreadable ? { code: 'unreadable', message: 'no' } : null,
  });
  const one = (row: FileRow, hash: string | null, unreadable = false): readonly string[] =>
    planFiles(
      { files: [row], directories: [] },
      { files: [foundWith(hash, unreadable)], directories: [] },
    ).actions.map(({ kind }) => kind);
  const unreadable = { error: { code: 'unreadable', message: 'no' }, stamp: 's' };

  it('tells once that a file cannot be read, and that it can be again', () => {
    expect(one(rowOf('a', 'h', { stamp: 's' }), null, true)).toEqual(['unreadable']);
    expect(one(rowOf('a', 'h', unreadable), null, true)).toEqual([]);
    expect(one(rowOf('a', 'h', unreadable), 'h')).toEqual(['readable']);
    expect(one(rowOf('a', 'h', unreadable), 'i')).toEqual(['modified']);
    expect(one(rowOf('a', null, unreadable), 'h')).toEqual(['modified']);
  });

  it('looks at size and time where there is no hash', () => {
    expect(one(rowOf('a', null, { stamp: 's' }), null)).toEqual([]);
    expect(one(rowOf('a', null, { stamp: 's', size: 2 }), null)).toEqual(['modified']);
    expect(one(rowOf('a', 'h', { stamp: 'other' }), 'h')).toEqual(['restamped']);
  });
});
