import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { surrealHarness } from './surreal-harness.ts';
import { describeLog } from './log-contract.ts';
import { describeStore } from './store-contract.ts';
import { describeText } from './text-contract.ts';
import { describeSurreal } from './surreal-contract.ts';

// A blank and a letter beyond ASCII: such directories exist.
const directory = mkdtempSync(join(tmpdir(), 'crucible log é '));
const embedded = surrealHarness('SurrealDB embedded, RocksDB', () =>
  Promise.resolve(`rocksdb://${directory}/db`),
);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describeStore(embedded);
describeLog(embedded);
describeText(embedded);
describeSurreal(embedded);

test('the database lies in the directory as it was named, and nowhere else', async () => {
  await embedded.database();
  expect(existsSync(join(directory, 'db', 'CURRENT'))).toBe(true);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('crucible%20log'))).toEqual([]);
});
