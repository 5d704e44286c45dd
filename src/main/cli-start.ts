import type { Command } from 'commander';
import type { AddCommands } from '../cli/cli.ts';
import { describeFailure, errorText } from '../cli/failure.ts';
import type { CliIo } from '../cli/io.ts';
import { SETTINGS } from '../config/schema.ts';
import { readSettings, type Flags } from '../config/sources.ts';
import { configFailure, flagsOf, withSettingFlags } from './cli-settings.ts';

/** The programs read variables, and hand them on to the processes that they start: flags become variables for them. */
const applyFlags = (flags: Flags): void => {
  for (const [name, value] of Object.entries(flags))
    process.env[SETTINGS[name as keyof typeof SETTINGS].variable] = value;
};

/** `crucible dev`, `crucible serve` and `crucible worker`: the programs themselves, which end the process when they end. */
export const addStartCommands =
  (io: CliIo): AddCommands =>
  (program, ending) => {
    const starts = (name: string, description: string, start: () => Promise<unknown>): void => {
      withSettingFlags(program.command(name))
        .description(description)
        .action(async (_options: object, command: Command) => {
          const flags = flagsOf(command);
          try {
            // Judged here, so that a flag is named as it was typed.
            readSettings({ env: io.env, cwd: io.cwd, flags });
          } catch (error) {
            const told = describeFailure(configFailure(error), undefined);
            io.err(errorText(told, io.colors));
            ending.code = told.exitCode;
            return;
          }
          applyFlags(flags);
          await start();
        });
    };
    starts(
      'dev',
      'start everything on this machine: a Temporal dev server and the server; loopback may be reached',
      () => import('./dev.ts'),
    );
    starts(
      'serve',
      'start the server alone; TEMPORAL_ADDRESS names its Temporal',
      () => import('./serve.ts'),
    );
    starts(
      'worker',
      'start a worker of its own, which executes runs for the server that writes to the same database',
      () => import('./worker.ts'),
    );
  };
