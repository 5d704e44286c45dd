import type { Command } from 'commander';
import type { AddCommands } from '../cli/cli.ts';

/** Flags of the programs that are started, as the variables that those read. Stronger than variables and file. */
const FLAGS = {
  host: 'CRUCIBLE_HOST',
  port: 'CRUCIBLE_PORT',
  dataDir: 'CRUCIBLE_DATA_DIR',
  hooksDir: 'CRUCIBLE_HOOKS_DIR',
  logLevel: 'CRUCIBLE_LOG_LEVEL',
} as const;

const withFlags = (command: Command): Command =>
  command
    .option('--host <address>', 'the address to listen on')
    .option('--port <port>', 'the port; 0 picks a free one')
    .option('--hooks-dir <directories>', 'directories of hook files')
    .option('--log-level <level>', 'debug, info, warn or error');

const applyFlags = (options: Partial<Record<keyof typeof FLAGS, string>>): void => {
  for (const [flag, variable] of Object.entries(FLAGS)) {
    const value = options[flag as keyof typeof FLAGS];
    if (value !== undefined) process.env[variable] = value;
  }
};

/** `crucible dev` and `crucible serve`: the programs themselves, which end the process when they end. */
export const addStartCommands: AddCommands = (program) => {
  withFlags(program.command('dev'))
    .description(
      'start everything on this machine: a Temporal dev server and the server; loopback may be reached',
    )
    .action(async (_options: object, command: Command) => {
      applyFlags(command.optsWithGlobals());
      await import('./dev.ts');
    });
  withFlags(program.command('serve'))
    .description('start the server alone; TEMPORAL_ADDRESS names its Temporal')
    .action(async (_options: object, command: Command) => {
      applyFlags(command.optsWithGlobals());
      await import('./serve.ts');
    });
};
