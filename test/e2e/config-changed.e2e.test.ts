import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restOf } from '../support/rest.ts';
import { startServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/** A server that comes up with other settings than it had says so, by name. */

const PASSWORD = 'correct-horse-battery-staple';

let dir: string;
let temporal: TestTemporal;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-settings-e2e-'));
  temporal = await temporalServer();
});
afterAll(async () => {
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Starts, reads what is in the log about settings, and stops. */
const startWith = async (env: Readonly<Record<string, string>>) => {
  await using server = await startServer({ dataDir: dir, temporal, env });
  const rest = restOf(server.url);
  const { body } = await rest('GET', '/events?type=system.config_changed&order=asc');
  expect(await server.stop()).toBe(0);
  return body.data.map(({ payload }: { payload: unknown }) => payload);
};

test(
  'a start with other settings than the last one tells which in the log, and never their values',
  { timeout: 120_000 },
  async () => {
    const set = { CRUCIBLE_RATE_LIMIT_READ: '1000/s', CRUCIBLE_SURREAL_PASS: PASSWORD };
    expect(await startWith({})).toEqual([]);
    const first = { component: 'server', keys: ['surreal_pass', 'rate_limit_read'] };
    expect(await startWith(set)).toEqual([first]);
    // The same again is no change; one that is not set any more is.
    expect(await startWith(set)).toEqual([first]);
    const second = { component: 'server', keys: ['rate_limit_read'] };
    expect(await startWith({ CRUCIBLE_SURREAL_PASS: PASSWORD })).toEqual([first, second]);

    const stored = join(dir, 'surreal');
    for (const name of await readdir(stored, { recursive: true })) {
      const bytes = await readFile(join(stored, name)).catch(() => Buffer.alloc(0));
      expect([name, bytes.includes(PASSWORD)]).toEqual([name, false]);
    }
  },
);
