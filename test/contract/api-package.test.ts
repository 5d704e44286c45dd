import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startServer, type TestServer } from '../../src/http/testing/start-server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

let dir: string;
let server: TestServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'));
  server = await startServer();
});
afterAll(async () => {
  await server.http.close(0);
  await rm(dir, { recursive: true });
});

const PROGRAM = `
import { apiErrorOf, callHeaders, createClient, defineEvent } from 'crucible-events/client';
import type { PayloadOf } from 'crucible-events/client';
import { z } from 'zod';

const [url = '', key = ''] = process.argv.slice(2);
const client = createClient({ url, key });
const noted = defineEvent({
  type: 'custom.note.imported',
  version: '1.0.0',
  schema: z.strictObject({ title: z.string() }),
});
const payload: PayloadOf<typeof noted> = { title: 'Deep Learning' };
await noted.register(client);
const { position } = await noted.publish(client, payload, { idempotencyKey: 'once' });
const { data } = await client.events.list.query({ limit: 1 });
const type: string | undefined = data[0]?.type;
const failure = await client.runs.get.query({ id: 'run_none' }).catch((thrown: unknown) => apiErrorOf(thrown));
const code = failure !== undefined && 'code' in failure ? failure.code : undefined;
// @ts-expect-error a limit is a number
void (() => client.events.list.query({ limit: 'x' }));
// @ts-expect-error there is no such procedure
void (() => client.events.nothing.query({}));
// @ts-expect-error a title is a text
const wrong: PayloadOf<typeof noted> = { title: 1 };
void [wrong, callHeaders({ correlationId: 'cor' })];
console.log(JSON.stringify({ position, type, code }));
`;

/** A program that embeds the server; its last line is what the server refuses before it opens anything. */
const SERVER = `
import { createCrucible, CrucibleError } from 'crucible-events';
import type { CrucibleSettings, EmbeddedCrucible } from 'crucible-events';

const settings: CrucibleSettings = { temporal_address: '127.0.0.1:7233', port: -1 };
const start = async (): Promise<EmbeddedCrucible> => {
  const crucible = await createCrucible(settings, { allowLoopback: true, secrets: { TOKEN: 'x' } });
  const { data } = await crucible.client.events.list.query({ limit: 1 });
  const type: string | undefined = data[0]?.type;
  void type;
  return crucible;
};
// @ts-expect-error a server needs to know where Temporal is
void (() => createCrucible({ port: 0 }));
// @ts-expect-error there is no such setting
void (() => createCrucible({ temporal_address: 'x', prot: 1 }));
const refused = await start().catch((thrown: unknown) => thrown);
console.log(refused instanceof CrucibleError ? refused.code : String(refused));
`;

test(
  'the packed package, installed into an empty project, compiles and works there',
  { timeout: 300_000 },
  async () => {
    const npm = (args: readonly string[], cwd: string) =>
      run('npm', [...args, '--no-audit', '--no-fund'], { cwd, maxBuffer: 64 * 1024 * 1024 });
    await npm(['pack', '--pack-destination', dir], ROOT);
    const tarball = (await readdir(dir)).find((name) => name.endsWith('.tgz')) ?? '';

    const project = join(dir, 'project');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{"private":true,"type":"module"}');
    // Its native parts come built; nothing here has to be made on this machine.
    await npm(
      [
        'install',
        '--prefer-offline',
        '--ignore-scripts',
        join(dir, tarball),
        'typescript@6.0',
        '@types/node@24',
        'zod@4',
      ],
      project,
    );
    await writeFile(join(project, 'program.ts'), PROGRAM);
    await writeFile(join(project, 'server.ts'), SERVER);
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          target: 'es2024',
          module: 'nodenext',
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: true,
          types: ['node'],
        },
        files: ['program.ts', 'server.ts'],
      }),
    );
    const compiled = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], {
      cwd: project,
    }).catch((error: unknown) => error as { readonly stdout: string });
    expect(compiled.stdout).toBe('');
    const ran = await run(process.execPath, ['program.js', server.url, ADMIN_KEY], { cwd: project });
    expect(JSON.parse(ran.stdout)).toEqual({ position: 1, type: 'custom.note.imported', code: 'not_found' });

    const embedded = await run(process.execPath, ['server.js'], { cwd: project });
    expect(embedded.stdout).toBe('config_invalid\n');

    const cli = await run(process.execPath, ['node_modules/crucible-events/bin/crucible.cjs', '--version'], {
      cwd: project,
    });
    expect(cli.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const files = await readdir(join(project, 'node_modules/crucible-events'));
    expect(files).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(?:src|test|node_modules)$/)]));
  },
);
