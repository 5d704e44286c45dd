import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import type { ReplayResult } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../src/kernel/logger.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { installSdkRuntime } from '../../src/temporal/sdk-runtime.ts';
import { historyFromText } from './history.ts';
import { drainScenarios, scenarios } from './scenarios.ts';

const histories = fileURLToPath(new URL('histories/', import.meta.url));
let cacheDir: string;

beforeAll(async () => {
  installSdkRuntime(silentLogger);
  cacheDir = await mkdtemp(join(tmpdir(), 'crucible-replay-'));
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

const namesOfStored = async (): Promise<string[]> =>
  (await readdir(histories)).map((file) => file.replace(/\.json$/, '')).toSorted();

/** Replays every stored history with this workflow code. */
const replay = async (entry?: string): Promise<Map<string, ReplayResult>> => {
  const bundle = await workflowBundle({
    cacheDir,
    logger: silentLogger,
    ...(entry === undefined ? {} : { entry: fileURLToPath(new URL(entry, import.meta.url)) }),
  });
  const stored = await Promise.all(
    (await namesOfStored()).map(async (name) => ({
      workflowId: name,
      history: historyFromText(await readFile(join(histories, `${name}.json`), 'utf8')),
    })),
  );
  const results = new Map<string, ReplayResult>();
  for await (const result of Worker.runReplayHistories({ workflowBundle: bundle }, stored)) {
    results.set(result.workflowId, result);
  }
  return results;
};

test('every scenario has its history', async () => {
  expect(await namesOfStored()).toEqual(
    expect.arrayContaining([...scenarios(), ...drainScenarios()].map(({ name }) => name).toSorted()),
  );
});

test('the workflow code still fits every stored history', async () => {
  const results = await replay();
  expect(results.size).toBe((await namesOfStored()).length);
  expect([...results.values()].filter(({ error }) => error !== undefined)).toEqual([]);
});

test('a change that breaks running workflows is caught', async () => {
  const results = await replay('planted.ts');
  const broken = [...results].filter(([, { error }]) => error !== undefined);
  expect(broken.map(([name]) => name).toSorted()).toEqual(
    (await namesOfStored()).filter((name) => name.startsWith('hook-')),
  );
  expect(broken.every(([, { error }]) => error instanceof DeterminismViolationError)).toBe(true);
});
