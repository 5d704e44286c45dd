import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import openapiTS, { astToString } from 'openapi-typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startServer, type TestServer } from '../../src/http/testing/start-server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let dir: string;
let server: TestServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'generated-'));
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  server = await startServer();
});
afterAll(async () => {
  await server.http.close(0);
  await rm(dir, { recursive: true });
});

const PROGRAM = `
import createClient from 'openapi-fetch';
import type { paths } from './api.d.ts';

const [url, key] = process.argv.slice(2);
const client = createClient<paths>({
  baseUrl: \`\${url}/api/v1\`,
  headers: { authorization: \`Bearer \${key}\` },
});
const published = await client.POST('/events', {
  params: { header: { 'Idempotency-Key': 'once' } },
  body: { type: 'custom.note', payload: { title: 'x' } },
});
const position: number = published.data?.data[0]?.position ?? -1;
const listed = await client.GET('/events', { params: { query: { limit: 1, types: ['custom.*'] } } });
const type: string = listed.data?.data[0]?.type ?? '';
const missing = await client.GET('/runs/{id}', { params: { path: { id: 'run_none' } } });
const code: string | undefined = missing.error?.code;
// @ts-expect-error a type is a text
await client.POST('/events', { body: { type: 5 } });
console.log(JSON.stringify({ position, type, code, status: published.response.status }));
`;

test('a client generated from the document compiles, refuses what the document does not have, and works', async () => {
  const document = (await (await fetch(`${server.url}/api/v1/openapi.json`)).json()) as object;
  await writeFile(join(dir, 'api.d.ts'), astToString(await openapiTS(JSON.stringify(document))));
  await writeFile(join(dir, 'program.ts'), PROGRAM);
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
  const options = {
    strict: true,
    target: 'esnext',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    noEmit: true,
    allowImportingTsExtensions: true,
    noUncheckedIndexedAccess: true,
    types: ['node'],
  };
  await writeFile(
    join(dir, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['program.ts', 'api.d.ts'] }),
  );
  const compiled = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', dir], {
    encoding: 'utf8',
  });
  expect(compiled.stdout + compiled.stderr).toBe('');

  // In another process, while this one answers.
  const ran = await promisify(execFile)(process.execPath, [join(dir, 'program.ts'), server.url, ADMIN_KEY]);
  expect(JSON.parse(ran.stdout)).toEqual({
    position: 1,
    type: 'custom.note.imported',
    code: 'not_found',
    status: 201,
  });
});
