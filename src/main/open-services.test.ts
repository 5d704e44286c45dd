import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import { loadConfig } from '../config/load.ts';
import { targetIndexOf } from '../dispatch/target-index.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { silentLogger as logger } from '../kernel/logger.ts';
import { WORLD_TABLE } from '../agents/rows.ts';
import { createLog, idleReactor } from '../log/create-log.ts';
import type { Log } from '../log/log.ts';
import { createMemoryDisk, createMemoryStore } from '../log/memory-store.ts';
import type { StateWriter } from '../state/writer.ts';
import { createConnectedAgents } from '../stream/connected-agents.ts';
import { createClosers } from './closers.ts';
import { makeDirectories } from './directories.ts';
import { openServices } from './open-services.ts';
import { openState } from './open-state.ts';
import { TABLES } from './tables.ts';

const neverBuilt: BuildEvent = () => {
  throw new Error('nothing is built here');
};

test('those of a server that follows do nothing by themselves, when those of the one that writes do', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'crucible-services-'));
  const closers = createClosers(logger);
  const config = loadConfig({ env: {}, cwd, file: false, dev: false });
  makeDirectories(config);
  const deps = {
    config,
    logger,
    version: '1.2.3',
    readSecret: () => undefined,
    environment: {},
    onFatal: () => undefined,
  };
  const store = createMemoryStore({ tables: TABLES, disk: createMemoryDisk() });
  const log = await createLog({ store, reactor: idleReactor, clock, logger });
  const none = targetIndexOf([]);
  const open = (given: Log, writer: StateWriter, following: boolean) =>
    openServices(
      deps,
      {
        log: given,
        writer,
        targets: () => none,
        buildEvent: neverBuilt,
        connections: createConnectedAgents(),
        following,
      },
      closers,
    );
  const acts: string[] = [];
  const refuse = (what: string) => (): Promise<never> => {
    acts.push(what);
    return Promise.reject(new Error('a server that follows acts'));
  };
  try {
    // First: so that it would have acted when the other one has.
    const followed = { ...log, append: refuse('append') };
    const follower = await open(followed, { write: refuse('write') }, true);
    await open(log, openState(log), false);
    await log.append({ events: [sampleEvent({ world: 'lab' })] });
    await expect.poll(() => log.records.get(WORLD_TABLE.name, 'lab')).toBeDefined();
    expect(await follower.worlds.list(undefined, { limit: 10 })).toMatchObject([{ id: 'lab' }]);
    expect(acts).toEqual([]);
  } finally {
    await closers.closeAll();
    await log.close();
    await rm(cwd, { recursive: true, force: true });
  }
});
