/*
 * The API under load: 64 connections, 70 reads to 30 writes, against bare Express over the same embedded database. Each
 * server is a process of its own; the client is this one. First as fast as they answer (closed loop), then both at the
 * same fixed pace, half of what the slower one reached. `node bench/api.ts`; results in `bench/results/api.json`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, TEST_KEY } from '../test/support/server-process.ts';
import { temporalServer } from '../test/support/temporal-server.ts';
import { createLoad, type Load, type Round, type Taken } from './support/api-load.ts';
import { MIX, READS } from './support/api-requests.ts';
import { compare, percentile, report, type Comparison } from './support/compare.ts';
import { cpuMs } from './support/cpu-time.ts';
import { residentMb } from './support/resident-memory.ts';

const CONNECTIONS = 64;
const CLOSED_SECONDS = 2;
const PACED_SECONDS = 4;
const SHARE_OF_SATURATION = 0.5;

const API = 'API';
const BARE = 'bare Express';

/** What every request took, contender by contender; those of the first turn do not count. */
const createTally = () => {
  const rounds = new Map<string, Round[]>([
    [API, []],
    [BARE, []],
  ]);
  const counted = (name: string): readonly Round[] => rounds.get(name)?.slice(1) ?? [];
  const medianOf = (name: string, figure: (round: Round) => number): number =>
    percentile(counted(name).map(figure), 0.5);
  const msOf = (taken: readonly Taken[], kind?: string): number[] =>
    taken.filter((one) => kind === undefined || one.kind === kind).map(({ ms }) => ms);
  return {
    add: (name: string, round: Round): Round => {
      rounds.get(name)?.push(round);
      return round;
    },
    perSecond: (name: string): number => medianOf(name, ({ perSecond }) => perSecond),
    latency: (name: string, share: number): number =>
      medianOf(name, ({ taken }) => percentile(msOf(taken), share)),
    kinds: (): object =>
      Object.fromEntries(
        Object.keys(MIX).map((kind) => [
          kind,
          Object.fromEntries(
            [API, BARE].map((name) => {
              const ms = counted(name).flatMap(({ taken }) => msOf(taken, kind));
              return [name, { p50: to2(percentile(ms, 0.5)), p99: to2(percentile(ms, 0.99)) }];
            }),
          ),
        ]),
      ),
    comparison: (figure: string, share: number): Comparison => ({
      figure,
      unit: 'ms',
      rounds: Object.fromEntries(
        [API, BARE].map((name) => [name, counted(name).map(({ taken }) => percentile(msOf(taken), share))]),
      ),
      medians: Object.fromEntries(
        [API, BARE].map((name) => [name, medianOf(name, ({ taken }) => percentile(msOf(taken), share))]),
      ),
    }),
  };
};

const to2 = (value: number): number => Math.round(value * 100) / 100;

/** The baseline, in a process of its own. */
const startBare = async (directory: string) => {
  const child = fork(new URL('./support/bare-api.ts', import.meta.url), [directory]);
  const [url] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the baseline ended with ${String(code)} before it was ready`);
    }),
  ])) as [string];
  return {
    url,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
};

const measure = async (dataDir: string): Promise<void> => {
  await using temporal = await temporalServer();
  await using server = await startServer({ dataDir: join(dataDir, 'server'), temporal });
  await using bare = await startBare(join(dataDir, 'bare'));
  const loads: { readonly [name: string]: Load } = {
    [API]: createLoad({ url: server.url, key: TEST_KEY, connections: CONNECTIONS }),
    [BARE]: createLoad({ url: bare.url, connections: CONNECTIONS }),
  };
  const pids = { [API]: server.child.pid ?? 0, [BARE]: bare.pid };
  const pidOf = (name: string): number => (name === API ? pids[API] : pids[BARE]);
  const memory = (): Record<string, number> =>
    Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, Math.round(residentMb(pid))]));
  const before = memory();
  for (const load of Object.values(loads)) await load.seed();
  const seeded = memory();

  const contenders = (round: (name: string, load: Load) => Promise<number>) =>
    Object.entries(loads).map(([name, load]) => ({ name, round: () => round(name, load) }));
  const closed = createTally();
  const usedMs: { readonly [name: string]: number[] } = { [API]: [], [BARE]: [] };
  const throughput = await compare({
    figure: 'as fast as they answer, 64 connections',
    unit: 'requests/s',
    contenders: contenders(async (name, load) => {
      const used = cpuMs(pidOf(name));
      const round = closed.add(name, await load.closed(CLOSED_SECONDS));
      usedMs[name]?.push((cpuMs(pidOf(name)) - used) / round.taken.length);
      return round.perSecond;
    }),
  });
  const pace = Math.floor(SHARE_OF_SATURATION * Math.min(closed.perSecond(API), closed.perSecond(BARE)));
  const paced = createTally();
  const samples: number[] = [];
  const p99 = await compare({
    figure: `p99 at ${pace} requests/s`,
    unit: 'ms',
    contenders: contenders(async (name, load) => {
      const round = paced.add(name, await load.paced(PACED_SECONDS, pace));
      if (name === API) samples.push(residentMb(pids[API]));
      return percentile(
        round.taken.map(({ ms }) => ms),
        0.99,
      );
    }),
  });
  const after = memory();
  for (const load of Object.values(loads)) await load.close();

  const pacedP99 = paced.latency(API, 0.99);
  const pacedRatio = pacedP99 / paced.latency(BARE, 0.99);
  const closedP99 = closed.latency(API, 0.99);
  const closedRatio = closedP99 / closed.latency(BARE, 0.99);
  // The first of these turns is the one that does not count.
  const growth = (samples.at(-1) ?? Number.NaN) / (samples[1] ?? Number.NaN);
  const kinds = { paced: paced.kinds(), closed: closed.kinds() };
  report('api', {
    settings: {
      connections: CONNECTIONS,
      mix: MIX,
      reads: READS,
      requests_a_second: pace,
      storage: 'rocksdb, sync=every',
      limits: 'as by default',
      load_average: loadavg().map(to2),
      resident_mb: { idle: before, seeded, after },
      kinds,
    },
    comparisons: [
      throughput,
      {
        figure: 'CPU time of the server, a request',
        unit: 'ms',
        rounds: usedMs,
        medians: Object.fromEntries(
          Object.entries(usedMs).map(([name, all]) => [name, percentile(all.slice(1), 0.5)]),
        ),
      },
      closed.comparison('p50, as fast as they answer', 0.5),
      closed.comparison('p99, as fast as they answer', 0.99),
      paced.comparison(`p50 at ${pace} requests/s`, 0.5),
      p99,
      {
        figure: 'resident memory of the server',
        unit: 'MB',
        rounds: { samples },
        medians: { idle: before[API] ?? Number.NaN, 'at the end': after[API] ?? Number.NaN },
      },
    ],
    targets: [
      { target: 'p99 at a fixed pace < 100 ms', value: pacedP99, met: pacedP99 < 100 },
      { target: 'p99 at a fixed pace <= 1.5 of the baseline', value: pacedRatio, met: pacedRatio <= 1.5 },
      { target: 'p99 as fast as they answer < 100 ms', value: closedP99, met: closedP99 < 100 },
      { target: 'p99 as fast as they answer <= 1.5 of it', value: closedRatio, met: closedRatio <= 1.5 },
      {
        target: 'memory flat: the end <= 1.15 of after the first turn that counts',
        value: growth,
        met: growth <= 1.15,
      },
    ],
    packages: ['express', '@trpc/server', 'surrealdb', '@surrealdb/node', 'undici'],
  });
  console.table(
    Object.entries(kinds).flatMap(([loop, each]) =>
      Object.entries(each).map(([kind, of]) => Object.assign({ loop, kind }, flat(of as object))),
    ),
  );
  console.log('resident, MB', { idle: before, seeded, after }, 'load', loadavg().map(to2).join(' '));
  await server.stop();
};

const flat = (of: object): object =>
  Object.fromEntries(
    Object.entries(of).flatMap(([name, figures]) =>
      Object.entries(figures as object).map(([share, ms]) => [`${name} ${share}`, ms as number]),
    ),
  );

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
try {
  await measure(dataDir);
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
