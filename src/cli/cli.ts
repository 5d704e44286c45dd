import { Command, CommanderError } from 'commander';
import { addAgentCommands } from './commands/agents.ts';
import { addEventCommands } from './commands/events.ts';
import { addGraphCommands } from './commands/graph.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addMemoryCommands } from './commands/memory.ts';
import { addPlaceCommands } from './commands/places.ts';
import { addReactionCommands } from './commands/reactions.ts';
import { addRunCommands } from './commands/runs.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { oneOf } from './input.ts';
import type { CliIo } from './io.ts';
import { OUTPUT_FORMATS } from './output.ts';
import { createActing, type Ending } from './session.ts';

/** Adds commands that do not talk to a server: they belong to whoever composes the program. */
export type AddCommands = (program: Command, ending: Ending) => void;

const VARIABLES = `
Variables:
  CRUCIBLE_URL      the server, such as http://127.0.0.1:8080
  CRUCIBLE_API_KEY  the key; else admin.key of the data directory
  NO_COLOR          no colours

Exit codes: 0 done, 1 failed, 2 not understood, 4 not allowed.`;

/** All of the program's commands, not yet run. */
const createProgram = (io: CliIo, ending: Ending, addOthers: AddCommands = () => undefined): Command => {
  const program = new Command('crucible')
    .description('Events, hooks, webhooks and the memory of AI agents.')
    .version(io.version, '-V, --version', 'the version')
    .option('-o, --output <format>', OUTPUT_FORMATS.join(', '), oneOf(OUTPUT_FORMATS))
    .option('--url <url>', 'the server; default CRUCIBLE_URL, else as configured here')
    .option('--key-file <path>', 'a file with an API key')
    .option('--data-dir <directory>', "the server's data directory, which holds admin.key")
    .option('--world <world>', 'the world; default the first of the key')
    .helpOption('-h, --help', 'help for a command')
    .helpCommand('help [command]', 'help for a command')
    .showHelpAfterError('(add --help for what it takes)')
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      getOutHasColors: () => io.colors,
      getErrHasColors: () => io.colors,
    })
    .exitOverride()
    .addHelpText('after', VARIABLES);
  const acting = createActing(io, ending);
  addOthers(program, ending);
  addMemoryCommands(program, acting);
  addGraphCommands(program, acting);
  addAgentCommands(program, acting);
  addPlaceCommands(program, acting);
  addEventCommands(program, acting);
  addReactionCommands(program, acting);
  addRunCommands(program, acting);
  addKeyCommands(program, acting);
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '), oneOf(SHELLS))
    .description('a script that completes commands: source <(crucible completion bash)')
    .action((shell: Shell) => io.out(completionScript(shell, program)));
  return program;
};

/**
 * Runs one command line.
 * @param args without the program and the script
 * @returns what the process is to end with
 */
export const runCli = async (
  args: readonly string[],
  io: CliIo,
  addOthers?: AddCommands,
): Promise<ExitCode> => {
  const ending: Ending = { code: EXIT.ok };
  const program = createProgram(io, ending, addOthers);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return ending.code;
  } catch (error) {
    // Commander has told it already. A command that needs another word shows its help, which is no success.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
};
