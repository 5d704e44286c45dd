/*
 * Publishing over HTTP, against appending in process: 100 events a request or call, 16 connections or callers, synced.
 * The server is a process of its own; the client is this one. `node bench/publish-http.ts`; results in
 * `bench/results/publish-http.json`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { loadConfig } from '../src/config/load.ts';
import { buildEvent } from '../src/events/build.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createClosers } from '../src/main/closers.ts';
import { openLog } from '../src/main/open-log.ts';
import { systemOrigin } from '../src/main/system-origin.ts';
import { startServer, TEST_KEY } from '../test/support/server-process.ts';
import { temporalServer } from '../test/support/temporal-server.ts';
import { compare, percentile, report } from './support/compare.ts';

const CONNECTIONS = 16;
const EVENTS_A_REQUEST = 100;
const REQUESTS_A_ROUND = 300;
const SINGLES_A_ROUND = 300;

const HTTP = 'publish over HTTP';
const IN_PROCESS = 'append in process';
const SINGLE = 'one event over HTTP';

const payload = { title: 'A note', tags: ['#ai', '#research'], content: 'Lorem ipsum dolor sit amet' };
const bodyOf = (count: number): string =>
  JSON.stringify({
    events: Array.from({ length: count }, () => ({ type: 'custom.note.imported', payload })),
  });

/** Calls `send` so often in all, from so many callers. @returns calls a second */
const rate = async (callers: number, calls: number, send: () => Promise<void>): Promise<number> => {
  let left = calls;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left > 0) {
        left -= 1;
        await send();
      }
    }),
  );
  return (calls * 1_000) / (performance.now() - start);
};

const openInProcess = async (dataDir: string) => {
  const closers = createClosers(silentLogger);
  const config = loadConfig({
    env: { CRUCIBLE_DATA_DIR: join(dataDir, 'in-process') },
    cwd: dataDir,
    dev: true,
  });
  const onFatal = (error: Error): never => {
    throw error;
  };
  const { log } = await openLog({ config, logger: silentLogger, onFatal }, closers);
  const origin = systemOrigin('bench', newId);
  return {
    append: async (): Promise<void> => {
      const events = Array.from({ length: EVENTS_A_REQUEST }, () =>
        buildEvent({ type: 'custom.note.imported', payload }, origin, { newId }),
      );
      await log.append({ events });
    },
    [Symbol.asyncDispose]: () => closers.closeAll(),
  };
};

const measure = async (): Promise<void> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
  await using temporal = await temporalServer();
  await using server = await startServer({ dataDir: join(dataDir, 'server'), temporal });
  await using inProcess = await openInProcess(dataDir);
  const dispatcher = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  const post = async (body: string): Promise<void> => {
    const { statusCode, body: answer } = await request(`${server.url}/api/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      body,
      dispatcher,
    });
    const text = await answer.text();
    if (statusCode !== 201) throw new Error(`answered ${statusCode}: ${text}`);
  };
  const batch = bodyOf(EVENTS_A_REQUEST);
  const one = bodyOf(1);
  const singles: number[] = [];

  const throughput = await compare({
    figure: 'publishing',
    unit: 'events/s',
    contenders: [
      {
        name: HTTP,
        round: async () => EVENTS_A_REQUEST * (await rate(CONNECTIONS, REQUESTS_A_ROUND, () => post(batch))),
      },
      {
        name: IN_PROCESS,
        round: async () => EVENTS_A_REQUEST * (await rate(CONNECTIONS, REQUESTS_A_ROUND, inProcess.append)),
      },
    ],
  });
  const single = await compare({
    figure: 'one event at a time, p50',
    unit: 'ms',
    contenders: [
      {
        name: SINGLE,
        round: async () => {
          const taken: number[] = [];
          for (let n = 0; n < SINGLES_A_ROUND; n += 1) {
            const start = performance.now();
            await post(one);
            taken.push(performance.now() - start);
          }
          singles.push(...taken);
          return percentile(taken, 0.5);
        },
      },
    ],
  });
  const published = throughput.medians[HTTP] ?? Number.NaN;
  const ratio = published / (throughput.medians[IN_PROCESS] ?? Number.NaN);
  report('publish-http', {
    settings: {
      connections: CONNECTIONS,
      events_a_request: EVENTS_A_REQUEST,
      requests_a_round: REQUESTS_A_ROUND,
      storage: 'rocksdb, sync=every',
      single_p99_ms: percentile(singles, 0.99),
    },
    comparisons: [throughput, single],
    targets: [
      { target: 'publish over HTTP > 10,000 events/s', value: published, met: published > 10_000 },
      { target: 'publish over HTTP >= 0.4 of append in process', value: ratio, met: ratio >= 0.4 },
    ],
    packages: ['express', '@trpc/server', 'surrealdb', '@surrealdb/node', 'undici'],
  });
  await dispatcher.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
