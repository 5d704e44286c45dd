import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CLOSE, DEFAULT_LIMITS } from './protocol.ts';
import { ADMIN_KEY, openStream } from './testing/open-stream.ts';

const reference = readFileSync(new URL('../../docs/reference/stream.md', import.meta.url), 'utf8');

test('the reference names the limits and the close codes as they are', () => {
  const { maxMessageBytes, maxSubscriptions, maxConnections, authTimeoutMs, maxBufferedBytes } =
    DEFAULT_LIMITS;
  const limits = /## Limits\n([\s\S]*?)\n## /.exec(reference)?.[1] ?? '';
  const figures = [...limits.matchAll(/^\| [a-z][^|]* \| ([^|]+) \|$/gm)].map(([, figure]) => figure);
  expect(figures).toEqual([
    `${maxMessageBytes / 1024} KiB`,
    String(maxSubscriptions),
    maxConnections.toLocaleString('en'),
    `${authTimeoutMs / 1_000} s`,
    `${(4 * maxBufferedBytes) / 1024 / 1024} MiB`,
  ]);
  const codes = new Set(
    [...reference.matchAll(/^\| (\d{4}(?:, \d{4})*) \|/gm)].flatMap(([, all = '']) => all.split(', ')),
  );
  expect(new Set([...codes].map(Number))).toEqual(new Set([1002, 1007, ...Object.values(CLOSE)]));
});

// The interpreter that has the library of the guide, if this machine has one.
const python = process.env['CRUCIBLE_TEST_PYTHON'] ?? 'python3';
const hasPython = spawnSync(python, ['-c', 'import websockets.sync.client']).status === 0;

describe.each([
  ['TypeScript', 'watch.ts', process.execPath, true],
  ['Python', 'watch.py', python, hasPython],
] as const)('the client of the guide in %s', (_language, file, command, available) => {
  const path = fileURLToPath(new URL(`../../examples/stream/${file}`, import.meta.url));
  const skipped = available ? '' : ' (skipped: the websockets library for Python is not installed)';

  test('has twenty lines', () => {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.filter((line) => line !== '' && !/^(\/\/|#)/.test(line)).length).toBeLessThanOrEqual(20);
  });

  test.skipIf(!available)(
    `prints what was there and what happens, and comes back after a break${skipped}`,
    async () => {
      await using stream = await openStream();
      await stream.publish({ type: 'memory.created' }, {}, { type: 'memory.deleted' });
      const child = spawn(command, [path], {
        env: {
          PATH: process.env['PATH'],
          CRUCIBLE_URL: `http://127.0.0.1:${stream.port}`,
          KEY: ADMIN_KEY,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const printed = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        const next = async (): Promise<unknown> => (await printed.next()).value;
        expect([await next(), await next()]).toEqual(['1 memory.created', '3 memory.deleted']);
        stream.breakAll();
        await stream.publish({ type: 'memory.updated' });
        expect(await next()).toBe('4 memory.updated');
      } finally {
        child.kill();
      }
    },
  );
});
