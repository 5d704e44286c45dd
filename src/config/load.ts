import { delimiter, resolve } from 'node:path';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Config } from './config.ts';
import { readEmbeddings } from './embeddings.ts';
import { readInternal } from './internal.ts';
import { readJwt } from './jwt.ts';
import { parseRate } from './rate.ts';
import type { Settings } from './schema.ts';
import { readSettings, type SettingSources } from './sources.ts';

export interface ConfigSources extends SettingSources {
  /** True for `crucible dev`: loopback may be reached, on all ports. */
  readonly dev: boolean;
}

const trustProxyOf = (text: string): number | readonly string[] | undefined => {
  if (text === 'off' || text === '0') return undefined;
  return /^\d+$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim());
};

/** Only programs of this machine reach it. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** Behind a proxy loopback is open to the world. */
const defaultMetrics = ({ host, trust_proxy: proxies }: Settings): 'open' | 'key' =>
  isLoopback(host) && trustProxyOf(proxies) === undefined ? 'open' : 'key';

/** @throws CrucibleError `config_invalid` */
export const loadConfig = (sources: ConfigSources): Config => {
  const { settings } = readSettings(sources);
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
    standby: settings.standby === 'on',
    internal: readInternal(settings).internal,
    metrics: settings.metrics ?? defaultMetrics(settings),
    logLevel: settings.log_level,
    logFormat: settings.log_format,
    logColors: (sources.env['NO_COLOR'] ?? '') === '',
    settings,
  };
};

/** What is said of an error at start-up: what, and how to mend it. */
export const describeStartError = (error: unknown): string => {
  if (!(error instanceof CrucibleError)) return messageOf(error);
  return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
};
