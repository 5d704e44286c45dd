import type { Issue } from '../kernel/errors.ts';
import type { InternalConfig } from './config.ts';
import type { Settings } from './schema.ts';

/** Of every address of the machine: nobody can be told to go there. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** What the settings of the internal door say together. Undefined: there is none. Issues: what does not fit. */
export const readInternal = (
  settings: Pick<Settings, 'internal_key' | 'internal_host' | 'internal_port' | 'internal_url'>,
): { readonly internal: InternalConfig | undefined; readonly issues: readonly Issue[] } => {
  const { internal_key: key, internal_host: host, internal_port: port, internal_url: given } = settings;
  if (key === undefined) return { internal: undefined, issues: [] };
  const url = given?.replace(/\/$/, '');
  const issues =
    url === undefined && EVERY_ADDRESS.has(host)
      ? [
          {
            path: 'CRUCIBLE_INTERNAL_URL',
            message: `is needed where CRUCIBLE_INTERNAL_HOST is every address (${host}): where do the others reach it?`,
          },
        ]
      : [];
  return { internal: { key, host, port, url }, issues };
};
