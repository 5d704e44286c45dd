import { createHmac, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { SettingName, Settings } from '../config/schema.ts';
import { isSecret, SETTING_NAMES } from '../config/sources.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { canonicalJson } from '../kernel/hash.ts';
import { newId } from '../kernel/ids.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Log } from '../log/log.ts';
import { systemOrigin } from './system-origin.ts';

/** What the last start was set to, as salted hashes: enough to say which settings differ, and not what they were. */
export const SETTINGS_TABLE = { name: 'server_settings', indexes: [] } as const;
const ROW = 'server';

/** A type, not an interface, so that it is a row of the log's store. */
type SettingsRow = {
  readonly id: typeof ROW;
  /** Hex. */
  readonly salt: string;
  /** Hex, by the names of settings; null: it was not set. */
  readonly hashes: Readonly<Record<string, string | null>>;
};

const slow = promisify<string, Buffer, number, Buffer>(scrypt);

/** A URL may carry a password. A guess at what is secret must cost something, whoever gets hold of the row. */
const isGuarded = (name: SettingName): boolean => isSecret(name) || name.endsWith('_url');

const hashOf = async (name: SettingName, value: unknown, salt: Buffer): Promise<string | null> => {
  if (value === undefined) return null;
  // Settings are read from JSON, YAML and text: they are nothing else.
  const text = `${name}=${canonicalJson(value as JsonValue)}`;
  if (isGuarded(name)) return (await slow(text, salt, 32)).toString('hex');
  return createHmac('sha256', salt).update(text).digest('hex');
};

const hashesOf = async (settings: Settings, salt: Buffer): Promise<Record<string, string | null>> =>
  Object.fromEntries(
    await Promise.all(
      SETTING_NAMES.map(async (name) => [name, await hashOf(name, settings[name], salt)] as const),
    ),
  );

/**
 * Tells the log, as `system.config_changed`, which settings differ from those of the last start; nothing at the first
 * one. Their hashes are kept with that event, in one commit. A setting that an older program did not know is no change.
 */
export const tellSettingsChange = async ({
  log,
  settings,
  buildEvent,
}: {
  readonly log: Pick<Log, 'append' | 'records'>;
  readonly settings: Settings;
  readonly buildEvent: BuildEvent;
}): Promise<void> => {
  // Written here alone, so its shape is known.
  const last = (await log.records.get(SETTINGS_TABLE.name, ROW)) as SettingsRow | undefined;
  const salt = last === undefined ? randomBytes(16) : Buffer.from(last.salt, 'hex');
  const hashes = await hashesOf(settings, salt);
  const before = last?.hashes ?? {};
  const differs = (name: string): boolean => hashes[name] !== before[name];
  const keys = SETTING_NAMES.filter((name) => Object.hasOwn(before, name) && differs(name));
  if (last !== undefined && !SETTING_NAMES.some(differs)) return;
  const row: SettingsRow = { id: ROW, salt: salt.toString('hex'), hashes };
  const changed = (): Parameters<BuildEvent>[0] => ({
    type: 'system.config_changed',
    payload: { component: 'server', keys },
  });
  await log.append({
    events: keys.length === 0 ? [] : [buildEvent(changed(), systemOrigin('server', newId))],
    mutations: [{ op: 'put', table: SETTINGS_TABLE.name, row }],
    ledger: true,
  });
};
