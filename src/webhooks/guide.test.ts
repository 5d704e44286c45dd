import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { openWebhooks } from '../../test/support/webhooks.ts';
import { DEFAULT_RETRY_ON } from './response-rules.ts';
import { newSigningSecret } from './signing-secret.ts';

const ROOT = join(import.meta.dirname, '../..');
const guide = await readFile(join(ROOT, 'docs/guides/webhooks.md'), 'utf8');

const exampleOf = (language: string): string => {
  const code = new RegExp(`<!-- example: ${language} -->\\s*\`\`\`\\w+\\n([^]*?)\`\`\``).exec(guide)?.[1];
  if (code === undefined) throw new Error(`the guide has no example for ${language}`);
  return code;
};

/** The example in a directory of its own, started with a secret on a free port. */
async function startExample(language: string, file: string, command: string, secret: string) {
  const dir = await mkdtemp(join(tmpdir(), 'crucible-guide-'));
  await writeFile(join(dir, file), exampleOf(language));
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const child = spawn(command, [file], {
    cwd: dir,
    env: { ...process.env, WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error('the example has ended');
    return value;
  };
  const port = /^listening on (\d+)$/.exec(await nextLine())?.[1];
  return {
    url: `http://127.0.0.1:${port}/hook`,
    nextLine,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

// The interpreter that has the official library, if this machine has one.
const python = process.env['CRUCIBLE_TEST_PYTHON'] ?? 'python3';
const hasPython = spawnSync(python, ['-c', 'import standardwebhooks']).status === 0;

describe.each([
  ['node', 'receiver.mjs', process.execPath, true],
  ['python', 'receiver.py', python, hasPython],
] as const)('the receiver in %s of the guide', (language, file, command, available) => {
  const name = available ? '' : ' (skipped: the standardwebhooks library for Python is not installed)';
  it.skipIf(!available)(`takes what we send, once, and nothing forged${name}`, async () => {
    await using world = await openWebhooks();
    const secret = newSigningSecret();
    await using receiver = await startExample(language, file, command, secret);
    const filters = [{ event_type: 'custom.note.*' }];
    const good = await world.service.create({ url: receiver.url, filters, secret });
    const forged = await world.service.create({ url: receiver.url, filters });
    await world.publish({ title: 'Grüße' });
    const run = await world.newestRun(good.webhook.id);
    expect(await world.attempt(await world.newestRun(forged.webhook.id))).toMatchObject({
      kind: 'failed',
      code: 'http_401',
    });
    expect(await world.attempt(run)).toMatchObject({
      kind: 'succeeded',
      detail: { response: { status: 204 } },
    });
    expect(await world.attempt(run, { attempt: 2 })).toMatchObject({ kind: 'succeeded' });
    await world.publish({ title: 'Second' });
    expect((await world.attempt(await world.newestRun(good.webhook.id))).kind).toBe('succeeded');
    expect([await receiver.nextLine(), await receiver.nextLine()]).toEqual([
      'custom.note.imported: Grüße',
      'custom.note.imported: Second',
    ]);
  });
});

it('the guide tells the default rule as it is', () => {
  expect(guide).toContain(JSON.stringify(DEFAULT_RETRY_ON).replaceAll(',', ', '));
});
