import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const DEMO = fileURLToPath(new URL('../../examples/demo/demo.ts', import.meta.url));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-demo-test-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The demo in an empty folder: no server of this machine is used. */
const demo = (...args: readonly string[]) =>
  run(process.execPath, [DEMO, ...args], {
    cwd: dir,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], CRUCIBLE_PORT: '1' },
  });

describe('npm run demo', () => {
  it('imports the example notes, shows what came of them, and leaves nothing running', async () => {
    const { stdout } = await demo();
    const row = (name: string): readonly string[] =>
      stdout
        .split('\n')
        .find((line) => line.startsWith(name))
        ?.slice(name.length)
        .trim()
        .split(/\s+/) ?? [];
    expect(row('events published').slice(0, 2)).toEqual(['13', '13']);
    expect(row('runs: suggest tags (script)').slice(0, 2)).toEqual(['13', '13']);
    expect(row('runs: post important (http)').slice(0, 2)).toEqual(['5', '5']);
    expect(row('deliveries (signed webhook)').slice(0, 2)).toEqual(['13', '13']);
    expect(stdout).toContain('took 18 requests; 13 signatures verified');
    expect(
      stdout.match(/http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/\S+\/history/g),
    ).toHaveLength(3);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(stdout)?.[0] ?? '';
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('takes any directory, and says so when there is no note in it', async () => {
    await expect(demo(dir)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no Markdown file'),
    });
    await writeFile(join(dir, 'one.md'), '---\ntitle: [broken\n---\nNo tags here.\n');
    const { stdout } = await demo(dir);
    expect(stdout).toContain('took 1 requests; 1 signatures verified');
  });
});
