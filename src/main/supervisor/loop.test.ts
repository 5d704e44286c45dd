import { expect, test } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import { runSupervisor } from './loop.ts';
import type { ServerChild, SupervisorDeps, SupervisorEnd, TemporalChild } from './loop.ts';

/** Two children, a clock and a person who presses Ctrl-C, all by hand; every act is written down. */
const stage = (options: { temporal?: boolean; refuse?: Error; room?: boolean[] } = {}) => {
  const acts: string[] = [];
  const timers: (() => void)[] = [];
  const signals = new Set<() => void>();
  const servers: { exit: (code: number | null) => void; ready: () => void }[] = [];
  const temporals: { exit: () => void }[] = [];
  let wake = (): void => undefined;
  const act = (what: string): void => {
    acts.push(what);
    wake();
  };
  const deps: SupervisorDeps = {
    startTemporal:
      options.temporal === false
        ? undefined
        : async (): Promise<TemporalChild> => {
            act('start temporal');
            if (options.refuse !== undefined) throw options.refuse;
            const exited = Promise.withResolvers<void>();
            temporals.push({ exit: exited.resolve });
            return {
              exited: exited.promise,
              stop: async () => {
                act('stop temporal');
                exited.resolve();
              },
            };
          },
    startServer: async (): Promise<ServerChild> => {
      act('start server');
      const exited = Promise.withResolvers<number | null>();
      const ready = Promise.withResolvers<void>();
      servers.push({ exit: exited.resolve, ready: ready.resolve });
      return {
        exited: exited.promise,
        ready: ready.promise,
        stop: () => act('stop server'),
        kill: () => act('kill server'),
      };
    },
    exitCodeOf: () => 78,
    describe: (error) => (error instanceof Error ? `told: ${error.message}` : ''),
    hasRoom: async () => {
      act('look for room');
      return options.room?.shift() ?? true;
    },
    after: (delayMs, work) => {
      timers.push(work);
      act(`wait ${delayMs}`);
    },
    now: () => 0,
    logger: silentLogger,
    onSignal: (listener) => {
      signals.add(listener);
      return () => signals.delete(listener);
    },
  };
  const until = async (what: string, times = 1): Promise<void> => {
    while (acts.filter((act) => act === what).length < times) {
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return {
    deps,
    acts,
    until,
    servers,
    temporals,
    signal: () => [...signals].forEach((listener) => listener()),
    fire: () => timers.shift()?.(),
    listeners: () => signals.size,
  };
};

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('starts both in order, and ends both in order', async () => {
  const { deps, acts, until, servers, signal, listeners } = stage();
  const end: Promise<SupervisorEnd> = runSupervisor(deps);
  await until('start server');
  servers[0]?.ready();
  signal();
  expect(acts).toEqual(['start temporal', 'start server', 'stop server']);
  servers[0]?.exit(0);
  expect(await end).toEqual({ code: 0, message: undefined });
  expect(acts.at(-1)).toBe('stop temporal');
  expect(listeners()).toBe(0);
});

test('a Temporal that refuses to start is told, and the server is never started', async () => {
  const { deps, acts } = stage({ refuse: new Error('port taken') });
  expect(await runSupervisor(deps)).toEqual({ code: 78, message: 'told: port taken' });
  expect(acts).toEqual(['start temporal']);
});

test('restarts each child alone', async () => {
  const { deps, acts, until, servers, temporals, fire, signal } = stage();
  const end = runSupervisor(deps);
  await until('start server');
  servers[0]?.ready();
  await settled();
  servers[0]?.exit(null);
  await until('wait 250');
  fire();
  await until('start server', 2);
  temporals[0]?.exit();
  await until('wait 250', 2);
  fire();
  await until('start temporal', 2);
  await settled();
  expect(acts).toEqual([
    'start temporal',
    'start server',
    'wait 250',
    'start server',
    'wait 250',
    'start temporal',
  ]);
  signal();
  servers[1]?.exit(0);
  expect((await end).code).toBe(0);
});

test('a server that asked for room is started when there is some', async () => {
  const { deps, acts, until, servers, fire, signal } = stage({ temporal: false, room: [false, true] });
  const end = runSupervisor(deps);
  await until('start server');
  await settled();
  servers[0]?.exit(75);
  await until('wait 250');
  fire();
  await until('wait 1000');
  expect(acts).toEqual(['start server', 'wait 250', 'look for room', 'wait 1000']);
  fire();
  await until('start server', 2);
  await settled();
  signal();
  servers[1]?.exit(0);
  expect((await end).code).toBe(0);
});

test('a server that cannot be made a process is tried again', async () => {
  const { deps, until, fire, signal } = stage({ temporal: false });
  let tries = 0;
  const end = runSupervisor({
    ...deps,
    startServer: async () => {
      tries += 1;
      if (tries === 1) throw new Error('EAGAIN');
      return deps.startServer();
    },
  });
  await until('wait 250');
  fire();
  await until('start server');
  await settled();
  signal();
  await until('stop server');
  signal();
  await until('kill server');
  expect(tries).toBe(2);
  void end;
});
