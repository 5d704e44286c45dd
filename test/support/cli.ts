import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';

const BIN = fileURLToPath(new URL('../../bin/crucible.cjs', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Cli = (args: readonly string[], options?: { readonly stdin?: string }) => Promise<CliResult>;

/** The program as a shell starts it, in a directory, with these variables and nothing else of ours. */
export const cliIn =
  (cwd: string, env: Readonly<Record<string, string>> = {}): Cli =>
  async (args, { stdin = '' } = {}) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    // It may end without having read it all.
    child.stdin.on('error', () => undefined).end(stdin);
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { code, stdout, stderr };
  };
