import { DESCRIPTIONS } from './descriptions.ts';
import { SETTINGS, type SettingName, type Settings } from './schema.ts';
import { isSecret, readSettings, SETTING_NAMES, type SettingOrigin, type SettingSources } from './sources.ts';

/** One setting as it holds. */
export interface ReportedSetting {
  readonly setting: SettingName;
  /** Null: it is not set. A secret that is set stands as `(hidden)`. */
  readonly value: unknown;
  readonly origin: SettingOrigin;
  readonly variable: string;
}

/** What is secret in a URL stands before the `@`. */
const withoutUserInfo = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/(\w:\/\/)[^/@\s]*@/g, '$1(hidden)@') : value;

const shown = (name: SettingName, settings: Settings): unknown => {
  const value: unknown = settings[name];
  if (value === undefined) return DESCRIPTIONS[name].unset?.replaceAll('`', '') ?? null;
  return isSecret(name) ? '(hidden)' : withoutUserInfo(value);
};

/**
 * Every setting, and where it comes from.
 * @throws CrucibleError `config_invalid`
 */
export const reportConfig = (sources: SettingSources): readonly ReportedSetting[] => {
  const { settings, origins } = readSettings(sources);
  return SETTING_NAMES.map((setting) => ({
    setting,
    value: shown(setting, settings),
    origin: origins[setting],
    variable: SETTINGS[setting].variable,
  }));
};
