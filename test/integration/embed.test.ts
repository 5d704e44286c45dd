import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCrucible, CrucibleError } from '../../src/index.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/** The server within another program: this test is that program. */

let temporal: TestTemporal;
let cwd: string;
beforeAll(async () => {
  temporal = await temporalServer();
  cwd = await mkdtemp(join(tmpdir(), 'crucible-embed-'));
});
afterAll(async () => {
  await temporal?.[Symbol.asyncDispose]();
  await rm(cwd, { recursive: true, force: true });
});

const settings = () => ({
  port: 0,
  data_dir: 'data',
  temporal_address: temporal.address,
  temporal_namespace: temporal.namespace,
});

describe('createCrucible', () => {
  it('starts a whole server, reacts, and lets go of everything', async () => {
    // Neither the file nor variables hold for it.
    await writeFile(join(cwd, 'crucible.yaml'), 'not: valid\n');
    const crucible = await createCrucible(settings(), { cwd });
    await crucible.client.hooks.create.mutate({
      name: 'count',
      trigger: { timing: 'post', events: [{ event_type: 'custom.counted' }] },
      action: { type: 'script', source: 'export default ({ event }) => event.payload.n + 1;' },
    });
    await crucible.client.events.publish.mutate({ type: 'custom.counted', payload: { n: 1 } });
    const executed = async () =>
      (await crucible.client.events.query.query({ type: 'hook.executed' })).data[0]?.payload['output'];
    await expect.poll(executed, { timeout: 20_000 }).toBe(2);
    await Promise.all([crucible.close(), crucible.close()]);
    await expect(fetch(`${crucible.url}/healthz`)).rejects.toThrow('fetch failed');

    // Another one in the same process, with data of its own.
    await using other = await createCrucible({ ...settings(), data_dir: 'other' }, { cwd });
    const { data } = await other.client.events.query.query({ type: 'custom.*' });
    expect(data).toEqual([]);
  });

  it('refuses settings that are not valid, by name, before it opens anything', async () => {
    const wrong = { ...settings(), port: -1, prot: 1 };
    const refusal = await createCrucible(wrong, { cwd }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CrucibleError);
    expect((refusal as CrucibleError).issues).toMatchObject([
      { path: 'prot', hint: 'did you mean `port`?' },
      { path: '--port' },
    ]);
  });
});
