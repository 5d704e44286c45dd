/**
 * From the files as they are and the hooks as they are registered to what is to be done. Pure.
 *
 * A file is *good* (a hook that could be registered) or *bad* (issues). What a name needs:
 *
 *   claimed by one good file   registered from another definition or file -> register; else nothing
 *   claimed by several files   nothing; each file is told of the others; what is registered runs on
 *   claimed by a bad file      nothing; the file's issues are told; what is registered runs on
 *   taken by the API           nothing; the file is told
 *   claimed by none            unregister, if it came from a file
 *
 * A bad file claims the name it gives itself, and the hook that was last registered from it: that is its last good
 * version, which must not end because of a slip of the pen.
 */
import { canonicalJson } from '../../src/kernel/hash.ts';
import type { Issue } from '../../src/kernel/errors.ts';
import type { HookDefinition } from '../definition.ts';
import { errorsAsJson, type HookRow } from '../registry/row.ts';

export interface HookFile {
  /** Its absolute path: what tells it from files of the same name in other hook directories. */
  readonly path: string;
  /** Relative to its hook directory. */
  readonly file: string;
  /** The name it gives itself, if it can be read. */
  readonly name: string | undefined;
  /** Undefined: it is bad. */
  readonly hook: { readonly definition: HookDefinition; readonly hash: string } | undefined;
  readonly issues: readonly Issue[];
}

export interface Plan {
  readonly register: readonly {
    readonly hook: { readonly definition: HookDefinition; readonly hash: string };
    readonly file: string;
  }[];
  readonly unregister: readonly string[];
  /** `hook`: the one whose last good version runs on. Without issues: its file is right again. */
  readonly report: readonly {
    readonly file: string;
    readonly hook: string | undefined;
    readonly issues: readonly Issue[];
  }[];
  /** What is wrong with each file that is wrong. */
  readonly problems: ReadonlyMap<string, readonly Issue[]>;
}

/** @param complete false: a directory could not be read, so nothing counts as vanished */
export const planHooks = (files: readonly HookFile[], rows: readonly HookRow[], complete: boolean): Plan => {
  const byName = new Map(rows.map((row) => [row.id, row]));
  const byFile = new Map(rows.flatMap((row) => (row.file === null ? [] : [[row.file, row] as const])));
  const claims = claimsOf(files, byFile);
  const register: Plan['register'][number][] = [];
  const report: Plan['report'][number][] = [];
  const problems = new Map<string, readonly Issue[]>();

  for (const file of files) {
    const own = file.name === undefined ? undefined : byName.get(file.name);
    const issues = [...file.issues, ...sharedName(file, claims), ...takenName(file, own)];
    if (issues.length > 0) {
      const runsOn = own?.file === file.file ? own : byFile.get(file.file);
      problems.set(file.file, issues);
      if (runsOn === undefined || !isTold(runsOn, issues))
        report.push({ file: file.file, hook: runsOn?.id, issues });
    } else if (file.hook !== undefined) {
      if (own === undefined || own.hash !== file.hook.hash || own.file !== file.file)
        register.push({ hook: file.hook, file: file.file });
      else if (own.errors.length > 0) report.push({ file: file.file, hook: own.id, issues: [] });
    }
  }
  return {
    register,
    unregister: complete
      ? rows.flatMap((row) => (row.file === null || claims.has(row.id) ? [] : [row.id]))
      : [],
    report,
    problems,
  };
};

/** By name: the files that claim it, their names by their paths. */
type Claims = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Which files claim a name, by path. */
const claimsOf = (files: readonly HookFile[], byFile: ReadonlyMap<string, HookRow>): Claims => {
  const claims = new Map<string, Map<string, string>>();
  const claim = (name: string | undefined, { path, file }: HookFile): void => {
    if (name !== undefined) claims.set(name, (claims.get(name) ?? new Map<string, string>()).set(path, file));
  };
  for (const file of files) {
    claim(file.name, file);
    if (file.hook === undefined && file.name === undefined) claim(byFile.get(file.file)?.id, file);
  }
  return claims;
};

const sharedName = ({ name, path }: HookFile, claims: Claims): readonly Issue[] => {
  const files = claims.get(name ?? '');
  if (files === undefined || files.size < 2 || !files.has(path)) return [];
  const named = [...files.values()].toSorted().map((each) => `\`${each}\``);
  return [
    {
      path: 'name',
      message: `\`${name}\` is the name of several hooks: ${named.join(' and ')}`,
      hint: 'give each a name of its own; until then none of them changes what runs',
    },
  ];
};

const takenName = ({ name }: HookFile, own: HookRow | undefined): readonly Issue[] =>
  own?.file === null
    ? [
        {
          path: 'name',
          message: `a hook \`${name}\` was made through the API`,
          hint: 'remove that hook, or give the file another name',
        },
      ]
    : [];

const isTold = (row: HookRow, issues: readonly Issue[]): boolean =>
  canonicalJson(row.errors) === canonicalJson(errorsAsJson(issues));
