import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/*
 * The commands of the README and of the guides for beginners, for the API and for access, run as they stand by a shell against a real server. Only
 * addresses are replaced, and where a reader would look before going on, so does this test.
 */

const run = promisify(execFile);
const hasTools = ['bash', 'curl'].every((name) => spawnSync(name, ['--version']).status === 0);

/** The shell blocks of a page, in order. */
const shellBlocks = async (page: string): Promise<readonly string[]> => {
  const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
};

const blockWith = (blocks: readonly string[], words: string): string => {
  const found = blocks.filter((block) => block.includes(words));
  if (found.length !== 1) throw new Error(`${found.length} blocks hold ${JSON.stringify(words)}, not one`);
  return found[0] ?? '';
};

describe.skipIf(!hasTools)('the commands of the documents (needs bash and curl)', () => {
  let dir: string;
  let temporal: TestTemporal;
  let server: TestServer;
  let rest: Rest;
  let receiver: ReturnType<typeof createServer>;
  let receiverPort: number;
  const received: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'crucible-docs-'));
    temporal = await temporalServer();
    const dataDir = join(dir, '.crucible');
    // An empty variable counts as none: the key is generated and kept where the documents read it.
    server = await startServer({ dataDir, temporal, env: { CRUCIBLE_API_KEY: '' } });
    rest = restOf(server.url, await key());
    receiver = createServer((request, response) => {
      received.push(String(request.headers['webhook-id']));
      request.resume().on('end', () => response.end());
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    receiverPort = (receiver.address() as AddressInfo).port;
  });

  afterAll(async () => {
    receiver?.closeAllConnections();
    receiver?.close();
    await server?.stop();
    await temporal?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const key = async (): Promise<string> =>
    (await readFile(join(dir, '.crucible', 'admin.key'), 'utf8')).trim();

  const shell = async (script: string): Promise<string> => {
    const placed = script
      .replaceAll('http://127.0.0.1:8080', server.url)
      .replaceAll('127.0.0.1:9999', `127.0.0.1:${receiverPort}`)
      .replaceAll(/^sleep \d+$/gm, '');
    const { stdout } = await run('bash', ['-euc', placed], { cwd: dir });
    return stdout;
  };

  const hookIsThere = (name: string): Promise<void> =>
    expect.poll(async () => (await rest('GET', `/hooks/${name}`)).status, { timeout: 20_000 }).toBe(200);

  const newestRun = (path: string) =>
    expect.poll(async () => (await rest('GET', path)).body.data[0]?.state, { timeout: 20_000 });

  it('README: a hook, a webhook, an event, and what came of it', async () => {
    const block = blockWith(await shellBlocks('README.md'), 'greet.md');
    const [settings = '', hook = '', webhook = '', event = '', look = ''] = block.split(/^# \d\. .*$/m);

    await shell(settings + hook);
    await hookIsThere('greet');
    const created = JSON.parse(await shell(settings + webhook));
    expect(created.secret).toMatch(/^whsec_/);
    const [published] = JSON.parse(await shell(settings + event)).data;
    await newestRun('/hooks/greet/runs').toBe('succeeded');
    await newestRun(`/webhooks/${created.id}/deliveries`).toBe('succeeded');
    expect(received).toHaveLength(1);

    const shown = await shell(settings + look);
    expect(shown).toContain(`"workflow_id":"hook:greet:${published.id}"`);
    expect(shown).toContain('"custom.note.imported"');
    const { body: ended } = await rest('GET', '/events?type=hook.executed');
    expect(ended.data[0].payload).toMatchObject({ hook: 'greet', output: 'seen: Hello' });
    await rest('DELETE', `/webhooks/${created.id}`);
  });

  /** Each block with the settings of the page; what is answered is no problem (`-f`). */
  const stepsOf = async (page: string): Promise<readonly ((placed?: string) => Promise<string>)[]> => {
    const [settings = '', ...blocks] = await shellBlocks(page);
    return blocks.map(
      (block) =>
        (key = '') =>
          shell(settings + block.replaceAll('curl -s', 'curl -sf').replaceAll('key_4f9QkXw2LmT7', key)),
    );
  };

  it('Using the API: every command, and the same in TypeScript', async () => {
    const page = 'docs/guides/api.md';
    const answers: string[] = [];
    for (const step of await stepsOf(page)) answers.push(await step());
    expect(JSON.parse(answers[0] ?? '').data[0]).toMatchObject({
      type: 'custom.note.imported',
      duplicate: false,
    });
    expect(JSON.parse(answers[1] ?? '').data).toHaveLength(2);
    const webhook = JSON.parse(answers[3] ?? '');
    expect(webhook.secret).toMatch(/^whsec_/);
    await rest('DELETE', `/webhooks/${webhook.id}`);

    const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8');
    const programs = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, program = '']) => program);
    const env = { ...process.env, CRUCIBLE_URL: server.url, KEY: await key() };
    const told: string[] = [];
    for (const program of programs) {
      const here = program.replaceAll("'../../src/", `'${new URL('../../src/', import.meta.url).href}`);
      const source = here.replace("'zod'", `'${import.meta.resolve('zod')}'`);
      const { stdout, stderr } = await run(
        process.execPath,
        ['--input-type=module-typescript', '-e', source],
        { env },
      );
      told.push((stdout + stderr).trim());
    }
    expect(told).toEqual(['not_found', expect.stringContaining('Deep Learning')]);
  });

  it('Access: a key is made, seen and revoked', async () => {
    const [make, lookAndRevoke] = await stepsOf('docs/guides/access.md');
    const made = JSON.parse((await make?.()) ?? '');
    expect(made).toMatchObject({ name: 'ci', role: 'editor', scopes: ['event:read', 'event:write'] });
    const bearer = restOf(server.url, made.key);
    const note = { type: 'custom.build.ended', payload: {} };
    const { body: published } = await bearer('POST', '/events', note);
    const { body: event } = await bearer('GET', `/events/${published.data[0].id}`);
    expect(event.actor).toBe(`key:${made.id}`);
    expect(await lookAndRevoke?.(made.id)).toContain(made.id);
    expect((await bearer('GET', '/events')).status).toBe(401);
    const { body: left } = await rest('GET', '/keys');
    expect(left.data).toEqual([]);
    const { body: told } = await rest('GET', '/events?type=system.config_changed');
    expect(told.data[0].payload).toMatchObject({ component: 'access', keys: [`keys.${made.id}`] });
  });

  it('Getting started, from one end to the other', async () => {
    const blocks = await shellBlocks('docs/guides/getting-started.md');
    const settings = blockWith(blocks, 'admin.key');
    const quietly = `{\n${settings}} >/dev/null\n`;
    const step = (words: string): Promise<string> => shell(quietly + blockWith(blocks, words));

    expect(await shell(settings)).toContain('"status":"ready"');
    expect(JSON.parse(await step('"Hello"')).data[0].type).toBe('custom.note.imported');
    expect(JSON.parse(await step('?type=')).data[0].payload.title).toBe('Hello');
    const [once] = JSON.parse(await step('"Once"')).data;
    const [again] = JSON.parse(await step('"Once"')).data;
    expect(again).toEqual({ ...once, duplicate: true });

    await step('count-words.md');
    await hookIsThere('count-words');
    await step('five words');
    await newestRun('/hooks/count-words/runs').toBe('succeeded');
    const { body: runs } = await rest('GET', '/hooks/count-words/runs');
    expect(runs.data).toHaveLength(1);
    const { body: detail } = await rest('GET', `/runs/${runs.data[0].id}`);
    expect(detail.attempts[0].detail.output).toEqual({ words: 5 });

    const before = received.length;
    const webhook = JSON.parse(await step('/in"'));
    await step('"Hello"');
    await newestRun(`/webhooks/${webhook.id}/deliveries`).toBe('succeeded');
    expect(received).toHaveLength(before + 1);
    const ledger = blockWith(blocks, '/deliveries').replace('<id>', webhook.id);
    expect(JSON.parse(await shell(quietly + ledger)).data).toHaveLength(1);

    // "A mistake in the file does not stop anything: the last good version keeps running."
    const hookFile = join(dir, '.crucible', 'hooks', 'count-words.md');
    await writeFile(hookFile, (await readFile(hookFile, 'utf8')).replace('trigger:', 'trigerr:'));
    await expect
      .poll(async () => (await rest('GET', '/hooks/count-words')).body.errors, { timeout: 20_000 })
      .toContainEqual(expect.objectContaining({ path: 'trigerr', line: expect.any(Number), column: 1 }));
    await step('"Hello"');
    await expect
      .poll(async () => (await rest('GET', '/hooks/count-words/runs?state=succeeded')).body.data.length, {
        timeout: 20_000,
      })
      .toBe(3);

    // "Stop the receiver and publish again: the run is `retrying`, and says when the next attempt is due."
    receiver.closeAllConnections();
    receiver.close();
    await step('"Hello"');
    await newestRun(`/webhooks/${webhook.id}/deliveries`).toBe('retrying');
    const { body: late } = await rest('GET', `/webhooks/${webhook.id}/deliveries?limit=1`);
    expect(late.data[0].due_at).toMatch(/^\d{4}-/);
  });
});
