import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readAll } from '../crash/audit.ts';
import { startProgram } from '../support/program.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { temporalServer } from '../support/temporal-server.ts';

const SIZE = '160m';

const run = (program: string, ...args: string[]): void =>
  void execFileSync(program, args, { stdio: 'ignore' });

interface SmallDisk extends Disposable {
  readonly dir: string;
  /** Takes the room that is left; what is disposed gives it back. */
  fill(): Disposable;
}

/** A file system of its own, in memory; undefined where this user cannot have one. */
const mountSmallDisk = (): SmallDisk | undefined => {
  const dir = mkdtempSync(join(tmpdir(), 'crucible-small-disk-'));
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', dir);
  } catch {
    rmSync(dir, { recursive: true, force: true });
    return undefined;
  }
  return {
    dir,
    fill() {
      const path = join(dir, 'filler');
      const file = openSync(path, 'w');
      for (let block = Buffer.alloc(1_048_576); block.length > 0;) {
        try {
          writeSync(file, block);
        } catch {
          // No room for this much: what is left takes smaller pieces.
          block = block.subarray(0, Math.floor(block.length / 2));
        }
      }
      closeSync(file);
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    },
    [Symbol.dispose]() {
      run('umount', '-l', dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

interface Sent {
  readonly n: number;
  readonly status: number;
  readonly body: { readonly data?: readonly { id: string; position: number }[]; readonly code?: string };
}

/** Publishes until it is not acknowledged any more. */
const publishUntilRefused = async (rest: Rest, from: number): Promise<readonly Sent[]> => {
  const sent: Sent[] = [];
  for (let n = from; sent.at(-1)?.status === 201 || sent.length === 0; n += 1) {
    const event = { type: 'custom.filling', payload: { n, filler: 'x'.repeat(100_000) } };
    const { status, body } = await rest('POST', '/events', event, { 'idempotency-key': `filling-${n}` });
    sent.push({ n, status, body });
  }
  return sent;
};

test('a disk that is full is told as 503, and the server is back when there is room, with all it acknowledged', async ({
  skip,
  onTestFinished,
}) => {
  const disk = mountSmallDisk();
  if (disk === undefined) return skip('a small file system cannot be mounted here (root may)');
  // Also when the test is given up while it waits for a word: no mount and no process may be left.
  const opened = new AsyncDisposableStack();
  onTestFinished(() => opened.disposeAsync());
  opened.use(disk);
  const { address, namespace } = opened.use(await temporalServer());
  const program = opened.use(
    startProgram('dev', {
      cwd: disk.dir,
      env: {
        CRUCIBLE_DATA_DIR: join(disk.dir, 'data'),
        CRUCIBLE_API_KEY: TEST_KEY,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
      },
    }),
  );
  const rest = restOf(await program.ready());
  const few = await rest('POST', '/events', { type: 'custom.filling', payload: { n: 0 } });
  expect(few.status).toBe(201);

  const filled = disk.fill();
  const sent = await publishUntilRefused(rest, 1);
  const refused = sent.at(-1);
  expect(refused).toMatchObject({ status: 503, body: { code: 'log_unavailable' } });
  await program.line(/"code":75,.*the server ended by itself/);
  await program.line(/the disk is full/);
  filled[Symbol.dispose]();

  const again = restOf(await program.ready());
  const events = await readAll(again);
  expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
  const stored = new Map(events.map(({ id, position, payload }) => [id, { position, n: payload['n'] }]));
  for (const { n, body } of sent)
    for (const { id, position } of body.data ?? []) expect(stored.get(id)).toEqual({ position, n });
  // What was refused was of unknown outcome: with its key it is stored once, whether it had been written or not.
  const event = { type: 'custom.filling', payload: { n: refused?.n, filler: 'x'.repeat(100_000) } };
  const repeat = await again('POST', '/events', event, { 'idempotency-key': `filling-${refused?.n}` });
  expect(repeat.status).toBe(201);
  const all = await readAll(again);
  expect(all.filter(({ payload }) => payload['n'] === refused?.n)).toHaveLength(1);
  expect(await program.end('SIGTERM')).toBe(0);
});
