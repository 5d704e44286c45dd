/*
 * The memory of the server process: idle, and over minutes of steady load (1,000 events/s, of which 10 match a script hook
 * and a webhook). `node bench/memory.ts [minutes]`, 10 by default; results in `bench/results/memory.json`. Temporal's server is another process
 * and is not counted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { restOf } from '../test/support/rest.ts';
import { startServer } from '../test/support/server-process.ts';
import { temporalServer } from '../test/support/temporal-server.ts';
import { report } from './support/compare.ts';
import { residentMb } from './support/resident-memory.ts';

const minutes = Number(process.argv[2] ?? 10);
const TICK_MS = 100;
const EVENTS_A_TICK = 100;
const MATCHED_A_TICK = 1;
const SAMPLES = 10;

const event = (type: string) => ({
  type,
  payload: { title: 'A note', tags: ['#ai'], content: 'x'.repeat(200) },
});
const batch = {
  events: Array.from({ length: EVENTS_A_TICK }, (_, n) =>
    event(n < MATCHED_A_TICK ? 'custom.bench.matched' : 'custom.bench.plain'),
  ),
};

const measure = async (): Promise<void> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
  const sink = createServer((req, res) => req.resume().on('end', () => res.end()));
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  await using temporal = await temporalServer();
  await using server = await startServer({ dataDir, temporal });
  const pid = server.child.pid ?? 0;
  const rest = restOf(server.url);
  await delay(5_000);
  const idle = residentMb(pid);
  await rest('POST', '/hooks', {
    name: 'bench',
    trigger: { events: [{ type: 'custom.bench.matched' }] },
    action: { type: 'script', source: 'export default async () => ({ output: 1 })' },
  });
  await rest('POST', '/webhooks', {
    url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`,
    filters: [{ event_type: 'custom.bench.matched' }],
  });

  const samples: number[] = [];
  const start = performance.now();
  const end = start + minutes * 60_000;
  let sent = 0;
  for (let next = start; next < end; next += TICK_MS) {
    await delay(Math.max(0, next - performance.now()));
    const { status } = await rest('POST', '/events', batch);
    if (status !== 201) throw new Error(`publishing was answered ${status}`);
    sent += EVENTS_A_TICK;
    if (samples.length < ((next - start) / (end - start)) * SAMPLES) samples.push(residentMb(pid));
  }
  samples.push(residentMb(pid));
  // After the warm-up of the first third, the rest should not grow.
  const settled = samples[Math.floor(samples.length / 3)] ?? Number.NaN;
  const last = samples.at(-1) ?? Number.NaN;
  report('memory', {
    settings: { minutes, events_a_second: sent / (minutes * 60), matched_a_second: 10 },
    comparisons: [
      {
        figure: 'resident memory of the server',
        unit: 'MB',
        rounds: { samples },
        medians: { idle, 'a third in': settled, 'at the end': last },
      },
    ],
    targets: [
      { target: 'idle < 450 MB', value: idle, met: idle < 450 },
      {
        target: 'flat: the end <= 1.15 of what it was a third in',
        value: last / settled,
        met: last / settled <= 1.15,
      },
    ],
    packages: ['surrealdb', '@surrealdb/node', '@temporalio/worker', 'isolated-vm'],
  });
  sink.closeAllConnections();
  sink.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
};

await measure();
