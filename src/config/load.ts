import { existsSync, readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { CrucibleError, messageOf, type Issue } from '../kernel/errors.ts';
import type { Config } from './config.ts';
import { readEmbeddings } from './embeddings.ts';
import { readJwt } from './jwt.ts';
import { parseRate } from './rate.ts';
import { SETTINGS, type SettingName, type Settings } from './schema.ts';

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `crucible.yaml` is looked for, and what relative paths start from. */
  readonly cwd: string;
  /** True for `crucible dev`: loopback may be reached, on all ports. */
  readonly dev: boolean;
}

const FILE = 'crucible.yaml';
const NAMES = Object.keys(SETTINGS) as readonly SettingName[];

const readFile = (cwd: string): Readonly<Record<string, unknown>> => {
  const path = resolve(cwd, FILE);
  if (!existsSync(path)) return {};
  const document = parseDocument(readFileSync(path, 'utf8'));
  const [first] = document.errors;
  if (first !== undefined) {
    throw new CrucibleError('config_invalid', `${FILE}: ${first.message}`, { hint: `mend ${path}` });
  }
  const value: unknown = document.toJS({ maxAliasCount: 10 });
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new CrucibleError('config_invalid', `${FILE} must hold settings such as "port: 8080"`);
  }
  return value as Record<string, unknown>;
};

const unknownIn = (file: Readonly<Record<string, unknown>>): Issue[] =>
  Object.keys(file)
    .filter((key) => !Object.hasOwn(SETTINGS, key))
    .map((key) => ({
      path: `${FILE}: ${key}`,
      message: 'is not a setting',
      hint: `settings: ${NAMES.join(', ')}`,
    }));

/** Read by others: secrets of hooks, where clients find the server, settings of tests. */
const FOREIGN = ['CRUCIBLE_HOOK_SECRET_', 'CRUCIBLE_URL', 'CRUCIBLE_TEST_'];

/** Variables that look like ours and are not: a misspelt one must not be ignored in silence. */
const unknownVariables = (env: ConfigSources['env']): Issue[] => {
  const known = new Set<string>(NAMES.map((name) => SETTINGS[name].variable));
  return Object.keys(env)
    .filter((key) => key.startsWith('CRUCIBLE_') && !known.has(key))
    .filter((key) => !FOREIGN.some((prefix) => key.startsWith(prefix)))
    .map((key) => ({
      path: key,
      message: 'is not a variable that Crucible knows',
      hint: 'check its spelling',
    }));
};

/**
 * The settings from `crucible.yaml`, then from variables, which win.
 * @throws CrucibleError `config_invalid` with everything that is wrong; values of secrets are not shown
 */
const readSettings = ({ env, cwd }: Pick<ConfigSources, 'env' | 'cwd'>): Settings => {
  const file = readFile(cwd);
  const issues: Issue[] = [...unknownIn(file), ...unknownVariables(env)];
  const settings: Partial<Record<SettingName, unknown>> = {};
  for (const name of NAMES) {
    const { variable, schema } = SETTINGS[name];
    const fromEnv = env[variable];
    const fromVariable = fromEnv !== undefined && fromEnv !== '';
    const result = schema.safeParse(fromVariable ? fromEnv : (file[name] ?? undefined));
    if (result.success) settings[name] = result.data;
    else {
      const path = fromVariable ? variable : `${FILE}: ${name}`;
      issues.push(...result.error.issues.map(({ message }) => ({ path, message })));
    }
  }
  if (issues.length === 0) {
    issues.push(...readJwt(settings as Settings).issues, ...readEmbeddings(settings as Settings).issues);
  }
  if (issues.length > 0) {
    const lines = issues.map(
      ({ path, message, hint }) => `  ${path} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    );
    throw new CrucibleError('config_invalid', `the configuration is not valid:\n${lines.join('\n')}`, {
      issues,
    });
  }
  return settings as Settings;
};

const trustProxyOf = (text: string): number | readonly string[] | undefined => {
  if (text === 'off' || text === '0') return undefined;
  return /^\d+$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim());
};

/** @throws CrucibleError `config_invalid` */
export const loadConfig = (sources: ConfigSources): Config => {
  const settings = readSettings(sources);
  const { cwd, dev } = sources;
  const dataDir = resolve(cwd, settings.data_dir);
  const hooks = settings.hooks_dir?.split(delimiter).filter((dir) => dir !== '') ?? [
    resolve(dataDir, 'hooks'),
  ];
  return {
    host: settings.host,
    port: settings.port,
    dataDir,
    hookDirs: hooks.map((dir) => resolve(cwd, dir)),
    filesWatch: settings.files_watch.map(({ path, world }) => ({ path: resolve(cwd, path), world })),
    filesIgnore: settings.files_ignore
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    apiKey: settings.api_key,
    encryptionKey: settings.encryption_key,
    surreal: {
      url: settings.surreal_url ?? `rocksdb://${resolve(dataDir, 'surreal')}?sync=every`,
      user: settings.surreal_user,
      pass: settings.surreal_pass,
      namespace: settings.surreal_namespace,
      database: settings.surreal_database,
    },
    temporal: {
      address: settings.temporal_address,
      namespace: settings.temporal_namespace,
      port: settings.temporal_port,
      uiPort: settings.temporal_ui_port,
      uiUrl: settings.temporal_ui_url,
      binary: settings.temporal_binary,
    },
    egress: {
      allow: dev ? [...settings.egress_allow, '127.0.0.0/8', '::1/128'] : settings.egress_allow,
      anyPortInAllowed: dev,
      ...(settings.egress_ports !== undefined && { ports: settings.egress_ports }),
    },
    jwt: readJwt(settings).jwt,
    httpAccess: {
      trustProxy: trustProxyOf(settings.trust_proxy),
      corsOrigins: settings.cors_origins,
      rates: {
        ip: parseRate(settings.rate_limit_ip),
        authFailures: parseRate(settings.rate_limit_auth_failures),
        read: parseRate(settings.rate_limit_read),
        write: parseRate(settings.rate_limit_write),
        execute: parseRate(settings.rate_limit_execute),
      },
    },
    memoryAccessed: settings.memory_accessed,
    dispatchPackMax: settings.dispatch_pack_max,
    workflowWatchdog: settings.workflow_watchdog === 'on',
    embeddings: readEmbeddings(settings).embeddings,
    logLevel: settings.log_level,
  };
};

/** What is said of an error at start-up: what, and how to mend it. */
export const describeStartError = (error: unknown): string => {
  if (!(error instanceof CrucibleError)) return messageOf(error);
  return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
};
