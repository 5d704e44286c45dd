import { SEARCH_ATTRIBUTES } from '../../workflows/protocol.ts';

export interface DevServerFlags {
  readonly dbFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly namespace: string;
}

/** As the CLI's `--search-attribute` spells the types. */
const CLI_TYPES = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList', INT: 'Int' } as const;

/**
 * The task pollers' 20 polls a second are the 40-50 ms steps of every non-eager task; a timer under a second may be a
 * second late; a throttled call backs off for at least a second; a local server has no one to protect itself from.
 */
const DYNAMIC: Readonly<Record<string, number | string | boolean>> = {
  'history.transferProcessorMaxPollRPS': 500,
  'history.timerProcessorMaxPollRPS': 500,
  'history.visibilityProcessorMaxPollRPS': 500,
  'history.timerProcessorMaxTimeShift': '50ms',
  'frontend.rps': 100_000,
  'frontend.namespaceRPS': 100_000,
  'history.rps': 100_000,
  'matching.rps': 100_000,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'system.forceSearchAttributesCacheRefreshOnRead': false,
};

/**
 * The arguments of the dev server: loopback only, its state on disk. WAL with `synchronous=NORMAL` may lose its last
 * commits when the power fails (not when the process does); the run rows make up for that.
 */
export const devServerArguments = (flags: DevServerFlags): string[] => {
  const options = [
    ['ip', '127.0.0.1'],
    ['port', String(flags.port)],
    ['ui-port', String(flags.uiPort)],
    ['db-filename', flags.dbFile],
    ['sqlite-pragma', 'journal_mode=WAL'],
    ['sqlite-pragma', 'synchronous=NORMAL'],
    ['namespace', flags.namespace],
    ['log-level', 'error'],
    ['log-format', 'json'],
    ...Object.entries(DYNAMIC).map(([key, value]) => [
      'dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
    ...Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [
      'search-attribute',
      `${name}=${CLI_TYPES[type]}`,
    ]),
  ];
  return [
    'server',
    'start-dev',
    '--ui-disable-news-fetch',
    ...options.flatMap(([name, value]) => [`--${name}`, `${value}`]),
  ];
};
