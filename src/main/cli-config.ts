import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliFailure } from '../cli/exit.ts';
import { describeFailure, errorText } from '../cli/failure.ts';
import type { CliIo } from '../cli/io.ts';
import { render, type OutputFormat } from '../cli/output.ts';
import type { AddCommands } from '../cli/cli.ts';
import { configTemplate } from '../config/describe.ts';
import { reportConfig } from '../config/report.ts';
import { CONFIG_FILE } from '../config/sources.ts';
import { configFailure, flagsOf, withSettingFlags } from './cli-settings.ts';
import type { Command } from 'commander';

const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST';

const writeTemplate = async (cwd: string, force: boolean): Promise<string> => {
  const path = resolve(cwd, CONFIG_FILE);
  try {
    // Secrets may come to stand in it.
    await writeFile(path, configTemplate(), { mode: 0o600, flag: force ? 'w' : 'wx' });
  } catch (error) {
    if (!isThere(error)) throw error;
    throw new CliFailure(`${path} is there already`, { hint: 'Give --force to write over it.' });
  }
  return path;
};

/** `crucible config` and `crucible config init` */
export const addConfigCommands =
  (io: CliIo): AddCommands =>
  (program, ending) => {
    const telling = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        const told = describeFailure(error, undefined);
        io.err(errorText(told, io.colors));
        ending.code = told.exitCode;
      }
    };
    const config = withSettingFlags(program.command('config'))
      .description('what is configured here, and where each value comes from; secrets are hidden')
      .action((_options: object, command: Command) =>
        telling(async () => {
          const report = await Promise.resolve()
            .then(() => reportConfig({ env: io.env, cwd: io.cwd, flags: flagsOf(command) }))
            .catch((error: unknown) => Promise.reject(configFailure(error)));
          const { output = 'table' } = command.optsWithGlobals<{ readonly output?: OutputFormat }>();
          const shape = { rows: 'data', columns: ['setting', 'value', 'origin', 'variable'] };
          io.out(`${render({ data: report }, shape, { format: output, colors: io.colors })}\n`);
        }),
      );
    config
      .command('init')
      .description(`write an annotated ${CONFIG_FILE}`)
      .option('--force', 'also over one that is there')
      .action(({ force = false }: { readonly force?: boolean }) =>
        telling(async () => io.err(`wrote ${await writeTemplate(io.cwd, force)}\n`)),
      );
  };
