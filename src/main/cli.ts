/**
 * `crucible …`: the commands of the API, those that start programs, and those about the configuration.
 * `bin/crucible.cjs` starts this on the right Node.
 */
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { runCli } from '../cli/cli.ts';
import { loadConfig } from '../config/load.ts';
import type { CliIo, LocalServer } from '../cli/io.ts';
import { addConfigCommands } from './cli-config.ts';
import { addDoctorCommand } from './cli-doctor.ts';
import { addStartCommands } from './cli-start.ts';
import { readVersion } from './version.ts';

const { env } = process;
const cwd = process.cwd();

/** Where a server that was started here listens, for a client on the same machine. */
const local = (): LocalServer => {
  const { host, port, dataDir, apiKey } = loadConfig({ env, cwd, dev: false });
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return {
    url: `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`,
    dataDir: resolve(cwd, dataDir),
    key: apiKey,
  };
};

const io: CliIo = {
  env,
  cwd,
  version: readVersion(),
  out: (data) => void process.stdout.write(data),
  err: (words) => void process.stderr.write(words),
  colors: process.stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
  readStdin: () => text(process.stdin),
  onInterrupt: (listener) => {
    process.on('SIGINT', listener).on('SIGTERM', listener);
    return () => process.off('SIGINT', listener).off('SIGTERM', listener);
  },
  local,
};

// Whoever read our lines has seen enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await runCli(process.argv.slice(2), io, (program, ending) => {
  addStartCommands(io)(program, ending);
  addConfigCommands(io)(program, ending);
  addDoctorCommand(io)(program, ending);
});
// Not `exit`: what is still to be written to a pipe would be cut off. A program that was started sets its own code.
process.exitCode ??= code;
