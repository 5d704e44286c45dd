import { statSync } from 'node:fs';
import type { Command } from 'commander';
import type { AddCommands } from '../cli/cli.ts';
import { EXIT } from '../cli/exit.ts';
import type { CliIo } from '../cli/io.ts';
import { render, type OutputFormat } from '../cli/output.ts';
import type { Config } from '../config/config.ts';
import { describeStartError, loadConfig } from '../config/load.ts';
import { examine } from './doctor/doctor.ts';
import { fail, ok, type Finding } from './doctor/finding.ts';
import { flagsOf, withSettingFlags } from './cli-settings.ts';

const read = (io: CliIo, command: Command): { readonly config?: Config; readonly finding: Finding } => {
  try {
    const config = loadConfig({ env: io.env, cwd: io.cwd, flags: flagsOf(command), dev: false });
    return { config, finding: { check: 'configuration', ...ok('is valid') } };
  } catch (error) {
    const judged = fail(
      describeStartError(error),
      'Correct it: `crucible config init --force` writes a file that explains itself.',
    );
    return { finding: { check: 'configuration', ...judged } };
  }
};

/** `crucible doctor` */
export const addDoctorCommand =
  (io: CliIo): AddCommands =>
  (program, ending) => {
    withSettingFlags(program.command('doctor'))
      .description('look at everything that a server needs here, and say what mends it')
      .action(async (_options: object, command: Command) => {
        const { config, finding } = read(io, command);
        const built = statSync(import.meta.filename).mtimeMs;
        const data = [finding, ...(config === undefined ? [] : await examine(config, built))];
        const { output = 'table' } = command.optsWithGlobals<{ readonly output?: OutputFormat }>();
        const shape = { rows: 'data', columns: ['check', 'state', 'detail'] };
        io.out(`${render({ data }, shape, { format: output, colors: io.colors })}\n`);
        const wrong = data.filter(({ state }) => state !== 'ok');
        if (output === 'table')
          for (const { check, detail, mend = '' } of wrong) io.err(`\n${check}: ${detail}\n  ${mend}\n`);
        if (wrong.some(({ state }) => state === 'fail')) ending.code = EXIT.failed;
      });
  };
