import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { createExpandGraph } from '../graph/expand.ts';
import type { LeadingLog } from '../log/create-log.ts';
import { createStateWriter, type StateWriter } from '../state/writer.ts';

/** The one way by which memory, graph, files and agents change their state. */
export const openState = (log: LeadingLog): StateWriter =>
  createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: createExpandGraph({ records: log.records, clock }),
  });
