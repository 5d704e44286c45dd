import { Option, type Command } from 'commander';
import { CliFailure, EXIT } from '../cli/exit.ts';
import { describeStartError } from '../config/load.ts';
import { DESCRIPTIONS } from '../config/descriptions.ts';
import { plain } from '../config/describe.ts';
import type { SettingName } from '../config/schema.ts';
import { flagOf, isSecret, SETTING_NAMES, type Flags } from '../config/sources.ts';

/** Those that help shows; the others are flags too. */
const SHOWN: ReadonlySet<SettingName> = new Set([
  'host',
  'port',
  'hooks_dir',
  'temporal_address',
  'log_level',
]);

/** `--data-dir` is an option of the whole program. */
const OF_PROGRAM: ReadonlySet<SettingName> = new Set(['data_dir']);

const attributeOf = (name: SettingName): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Every setting that is no secret as a flag of this command. */
export const withSettingFlags = (command: Command): Command => {
  for (const name of SETTING_NAMES) {
    if (isSecret(name) || OF_PROGRAM.has(name)) continue;
    const description = plain(DESCRIPTIONS[name].meaning).replaceAll('`', '');
    command.addOption(new Option(`${flagOf(name)} <value>`, description).hideHelp(!SHOWN.has(name)));
  }
  return command.addHelpText(
    'after',
    '\nEvery setting that is no secret is a flag: `crucible config` lists them.',
  );
};

/** The settings that stand on the command line. */
export const flagsOf = (command: Command): Flags => {
  const options = command.optsWithGlobals<Readonly<Record<string, unknown>>>();
  return Object.fromEntries(
    SETTING_NAMES.flatMap((name) => {
      const value = isSecret(name) ? undefined : options[attributeOf(name)];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
};

/** A configuration that is not valid, as the command line says it. */
export const configFailure = (error: unknown): CliFailure =>
  new CliFailure(describeStartError(error), { exitCode: EXIT.usage });
