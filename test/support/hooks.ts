/** The parts that hooks need, all of them real, over the memory twin of the store. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createHookDirectory, type HookDirectory } from '../../hooks/directory/directory.ts';
import type { FileHooks } from '../../hooks/directory/file-hooks.ts';
import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { createHookService } from '../../hooks/registry/service.ts';
import { loadTargets } from '../../hooks/registry/target.ts';
import { createTargetReactor } from '../../src/dispatch/reactor.ts';
import { runFrom } from '../../src/dispatch/rows.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../../src/dispatch/run.ts';
import { createEgress } from '../../src/egress/create.ts';
import { buildEvent } from '../../src/events/build.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { createLog } from '../../src/log/create-log.ts';
import { IDEMPOTENCY_TABLE } from '../../src/log/idempotency.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../src/log/memory-store.ts';
import { createSandbox } from '../../src/sandbox/create.ts';

export const hooksOrigin = (world = 'default'): Origin => ({
  source: { kind: 'system', component: 'hooks' },
  actor: 'system:hooks',
  world,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
});

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** Keeps what is logged. */
export const recordingLogger = (lines: LogLine[]): Logger => {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
};

/** A log with matching, and hooks on it. Open it again on the same `disk` for a restart. */
export const openHooks = async ({
  disk = createMemoryDisk(),
  resolve = async () => ['93.184.215.14'],
}: { readonly disk?: MemoryDisk; readonly resolve?: () => Promise<readonly string[]> } = {}) => {
  let nowMs = 1_800_000_000_000;
  const clock = { now: () => (nowMs += 1) };
  const lines: LogLine[] = [];
  const logger = recordingLogger(lines);
  const tables = [HOOK_TABLE, RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE, IDEMPOTENCY_TABLE];
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({ store: createMemoryStore({ tables, disk }), reactor, clock, logger });
  reactor.load(await loadTargets(log.records, { catalogue, logger }));
  const sandbox = createSandbox({ runners: 1, logger });
  const egress = createEgress({ policy: { allow: [], anyPortInAllowed: false }, resolve, logger });
  const service = createHookService({
    log,
    catalogue,
    sandbox,
    egress,
    clock,
    newId,
    systemOrigin: hooksOrigin,
    directory: path.join(os.tmpdir(), 'no-such-hook-directory'),
  });
  const directories: HookDirectory[] = [];

  return {
    disk,
    log,
    reactor,
    service,
    lines,
    /** Publishes and answers what it led to: the targets of the runs. */
    publish: async (
      type: 'custom.note.imported' | `custom.${string}`,
      payload: JsonObject,
      world = 'default',
    ) => {
      const event = buildEvent({ type, payload }, hooksOrigin(world), { newId, catalogue });
      const runs: string[] = [];
      const end = log.onCommit(({ reactions }) => {
        for (const { row } of reactions)
          if (row['event_id'] === event.id) runs.push(`${runFrom(row).target} ${runFrom(row).state}`);
      });
      await log.append({ events: [event] });
      end();
      return runs.toSorted();
    },
    /** Every event of these types so far. */
    events: async (...types: readonly string[]): Promise<readonly CrucibleEvent[]> =>
      (await log.query({ types, order: 'asc', limit: 1_000 })).data,
    watch: async (changed: { readonly hooks?: FileHooks }, ...dirs: readonly string[]) => {
      const directory = createHookDirectory({
        dirs,
        hooks: changed.hooks ?? service,
        systemOrigin: hooksOrigin,
        logger,
        writeFinishMs: 40,
        settleMs: 10,
        retryMs: 20,
      });
      directories.push(directory);
      await directory.ready();
      return directory;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(directories.map((directory) => directory.close()));
      await Promise.all([log.close(), sandbox.close(), egress.close()]);
    },
  };
};

/** A directory that is gone after the test. */
export const temporaryDirectory = async () => {
  const made = await mkdtemp(path.join(os.tmpdir(), 'crucible-hooks-'));
  return { path: made, [Symbol.asyncDispose]: () => rm(made, { recursive: true, force: true }) };
};

/** Does something to files and waits until the directory has acted on it and `holds`. */
export const until = async (
  directory: HookDirectory,
  holds: () => Promise<boolean>,
  change: () => Promise<unknown>,
): Promise<void> => {
  let end = (): void => undefined;
  const settled = new Promise<void>((resolve, reject) => {
    const look = async (): Promise<void> => {
      if (await holds()) resolve();
    };
    end = directory.onSettled(() => void look().catch(reject));
  });
  await change();
  await settled.finally(() => end());
};
