import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { didYouMean } from '../events/nearest.ts';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { readEmbeddings } from './embeddings.ts';
import { readInternal } from './internal.ts';
import { readJwt } from './jwt.ts';
import { SETTINGS, type SettingName, type Settings } from './schema.ts';

/** Texts of flags, by setting. */
export type Flags = Readonly<Partial<Record<SettingName, string>>>;

/** Where settings come from, the strongest last: defaults, the file, variables, flags. */
export interface SettingSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `crucible.yaml` is looked for, and what relative paths start from. */
  readonly cwd: string;
  readonly flags?: Flags;
  /** False: no file is read. */
  readonly file?: boolean;
}

export type SettingOrigin = 'default' | 'file' | 'variable' | 'flag';

export const CONFIG_FILE = 'crucible.yaml';
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Of the setting `data_dir`: `--data-dir`. */
export const flagOf = (name: SettingName): string => `--${name.replaceAll('_', '-')}`;

export const isSecret = (name: SettingName): boolean => 'secret' in SETTINGS[name];

interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where each setting stands, from 1. */
  readonly lines: ReadonlyMap<string, number>;
}
const NO_FILE: ConfigFile = { values: {}, lines: new Map() };

const readFile = (cwd: string): ConfigFile => {
  const path = resolve(cwd, CONFIG_FILE);
  if (!existsSync(path)) return NO_FILE;
  const lineCounter = new LineCounter();
  const document = parseDocument(readFileSync(path, 'utf8'), { lineCounter });
  const [first] = document.errors;
  if (first !== undefined) {
    const message = first.message.trim().replaceAll(/\n\s*\n/g, '\n');
    throw new CrucibleError('config_invalid', `${CONFIG_FILE}: ${message}`, { hint: `mend ${path}` });
  }
  const value: unknown = document.toJS({ maxAliasCount: 10 });
  if (value === null || value === undefined) return NO_FILE;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new CrucibleError('config_invalid', `${CONFIG_FILE} must hold settings such as "port: 8080"`);
  }
  const lines = isMap(document.contents)
    ? document.contents.items.flatMap(({ key }): [string, number][] =>
        isScalar(key) && key.range ? [[String(key.value), lineCounter.linePos(key.range[0]).line]] : [],
      )
    : [];
  return { values: value as Record<string, unknown>, lines: new Map(lines) };
};

const unknownIn = ({ values, lines }: ConfigFile): Issue[] =>
  Object.keys(values)
    .filter((key) => !Object.hasOwn(SETTINGS, key))
    .map((key) =>
      inLine(lines.get(key), {
        path: `${CONFIG_FILE}: ${key}`,
        message: 'is not a setting',
        hint: didYouMean(key, SETTING_NAMES)?.hint ?? `settings: ${SETTING_NAMES.join(', ')}`,
      }),
    );

/** Read by others: secrets of hooks, where clients find the server, settings of tests. */
const FOREIGN = ['CRUCIBLE_HOOK_SECRET_', 'CRUCIBLE_URL', 'CRUCIBLE_TEST_'];

/** Variables that look like ours and are not: a misspelt one must not be ignored in silence. */
const unknownVariables = (env: SettingSources['env']): Issue[] => {
  const known = new Set<string>(SETTING_NAMES.map((name) => SETTINGS[name].variable));
  return Object.keys(env)
    .filter((key) => key.startsWith('CRUCIBLE_') && !known.has(key))
    .filter((key) => !FOREIGN.some((prefix) => key.startsWith(prefix)))
    .map((key) => ({
      path: key,
      message: 'is not a variable that Crucible knows',
      hint: didYouMean(key, known)?.hint ?? 'check its spelling',
    }));
};

const inLine = <T extends object>(line: number | undefined, at: T): T & { readonly line?: number } =>
  line === undefined ? at : { ...at, line };

interface Given {
  readonly value: unknown;
  readonly origin: SettingOrigin;
  /** As a message names it. */
  readonly where: string;
  /** In the file. */
  readonly line?: number;
}

const given = (name: SettingName, file: ConfigFile, sources: SettingSources): Given => {
  const flag = sources.flags?.[name];
  if (flag !== undefined) return { value: flag, origin: 'flag', where: flagOf(name) };
  const { variable } = SETTINGS[name];
  const text = sources.env[variable];
  // An empty variable counts as not set: that is how shells and compose files say it.
  if (text !== undefined && text !== '') return { value: text, origin: 'variable', where: variable };
  const value = file.values[name] ?? undefined;
  const where = `${CONFIG_FILE}: ${name}`;
  return value === undefined
    ? { value, origin: 'default', where }
    : inLine(file.lines.get(name), { value, origin: 'file', where });
};

/**
 * All settings, each from the strongest source that has it.
 * @throws CrucibleError `config_invalid` with everything that is wrong; values of secrets are not shown
 */
export const readSettings = (
  sources: SettingSources,
): {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, SettingOrigin>>;
} => {
  const file = sources.file === false ? NO_FILE : readFile(sources.cwd);
  // Whoever gives settings without types may have misspelt one.
  const unknownFlags = Object.keys(sources.flags ?? {}).filter((name) => !Object.hasOwn(SETTINGS, name));
  const issues: Issue[] = [
    ...unknownFlags.map((path) => ({
      path,
      message: 'is not a setting',
      hint: didYouMean(path, SETTING_NAMES)?.hint ?? 'check its spelling',
    })),
    ...unknownIn(file),
    ...unknownVariables(sources.env),
  ];
  const settings: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, SettingOrigin>> = {};
  for (const name of SETTING_NAMES) {
    const { value, origin, where, line } = given(name, file, sources);
    const result = SETTINGS[name].schema.safeParse(value);
    origins[name] = origin;
    if (result.success) settings[name] = result.data;
    else issues.push(...result.error.issues.map(({ message }) => inLine(line, { path: where, message })));
  }
  if (issues.length === 0) {
    const all = settings as Settings;
    issues.push(...readJwt(all).issues, ...readEmbeddings(all).issues, ...readInternal(all).issues);
  }
  if (issues.length > 0) {
    const lines = issues.map(
      ({ path, message, hint, line }) =>
        `  ${line === undefined ? '' : `line ${line} of `}${path} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    );
    throw new CrucibleError('config_invalid', `the configuration is not valid:\n${lines.join('\n')}`, {
      issues,
    });
  }
  return { settings: settings as Settings, origins: origins as Record<SettingName, SettingOrigin> };
};
