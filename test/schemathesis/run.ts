/**
 * Schemathesis over the whole document, against a real server: `npm run test:schemathesis`. Needs Python 3, and once the
 * package index; without them it says so and is skipped. Further arguments are those of `schemathesis run`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_KEY } from '../support/server-process.ts';
import { startStack } from '../support/stack.ts';
import { forSequences, type Json } from './for-sequences.ts';

const VERSION = '4.32.5';
/** How long sequences are tried. s */
const SEQUENCES_S = 240;
/** Stops by itself well before this; ms. */
const AT_MOST_MS = 45 * 60_000;

const skip = (why: string): never => {
  process.stdout.write(`skipped: Schemathesis ${why}\n`);
  process.exit(0);
};

/** The program, installed on first use into a folder of its own. */
const program = (): string => {
  const venv = join(tmpdir(), `crucible-schemathesis-${VERSION}`);
  const found = join(venv, 'bin', 'schemathesis');
  if (existsSync(found)) return found;
  if (spawnSync('python3', ['-m', 'venv', venv]).status !== 0) return skip('needs python3 with venv');
  const pip = spawnSync(join(venv, 'bin', 'pip'), ['install', '-q', `schemathesis==${VERSION}`]);
  return pip.status === 0 ? found : skip('could not be installed: the package index cannot be reached');
};

const path = program();
const dir = await mkdtemp(join(tmpdir(), 'crucible-schemathesis-run-'));
const notes = join(dir, 'notes');
await mkdir(notes);
await writeFile(join(notes, 'one.md'), '# One\n\nSee [[Two]].\n');

await using stack = await startStack({
  CRUCIBLE_RATE_LIMIT_AUTH_FAILURES: 'off',
  CRUCIBLE_RATE_LIMIT_IP: 'off',
  CRUCIBLE_FILES_WATCH: notes,
});

/** Beside the settings: what there is for requests to name, each on a line. */
const known = (file: string, values: readonly string[]): Promise<void> =>
  writeFile(join(dir, file), values.map((value) => `${JSON.stringify(value)}\n`).join(''));
const published = await stack.rest('POST', '/events', {
  type: 'custom.schemathesis.started',
  payload: { by: 'the runner' },
});
await known('events.dict', [(published.body as { data: [{ id: string }] }).data[0].id]);
await known('roots.dict', [notes]);
await copyFile(join(import.meta.dirname, 'schemathesis.toml'), join(dir, 'schemathesis.toml'));

const codes: number[] = [];
const schemathesis = async (phases: string, ...location: string[]): Promise<number> => {
  const child = spawn(
    path,
    [
      '--config-file',
      join(dir, 'schemathesis.toml'),
      'run',
      ...location,
      '--phases',
      phases,
      '--header',
      `Authorization: Bearer ${TEST_KEY}`,
      '--no-color',
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit', cwd: dir },
  );
  const timer = setTimeout(() => child.kill('SIGTERM'), AT_MOST_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  return code ?? 1;
};

const { url } = stack.server;
codes.push(await schemathesis('examples,coverage,fuzzing', `${url}/api/v1/openapi.json`));
const file = join(dir, 'document.json');
const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as Json;
await writeFile(file, JSON.stringify(forSequences(document)));
const place = ['--url', `${url}/api/v1`, '--max-time', `${SEQUENCES_S}`];
codes.push(await schemathesis('stateful', file, ...place));
process.stderr.write(stack.server.stderr());
await rm(dir, { recursive: true, force: true });
process.exitCode = Math.max(...codes);
