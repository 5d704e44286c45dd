import { sampleEvent } from '../../../../test/support/sample-events.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { createLog, idleReactor, type LeadingLog } from '../../create-log.ts';
import type { AppendRequest } from '../../log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../memory-store.ts';
import type { TableDefinition } from '../../records.ts';
import type { LogStore } from '../../store.ts';

export const clock = { now: () => 1_000 };

const TABLES: readonly TableDefinition[] = [{ name: 'thing', indexes: [] }];

export const openDisk = (disk: MemoryDisk = createMemoryDisk()): LogStore =>
  createMemoryStore({ tables: TABLES, disk });

/** The log of the process that writes. */
export const openWriting = (store: LogStore = openDisk()): Promise<LeadingLog> =>
  createLog({ store, reactor: idleReactor, clock, logger: silentLogger });

export const events = (count: number): AppendRequest => ({
  events: Array.from({ length: count }, () => sampleEvent()),
});

/** A turn in which everything that could go on has gone on. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
