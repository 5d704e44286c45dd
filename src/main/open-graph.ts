import { createAnalyst } from '../graph/analysis/analyst.ts';
import type { GraphService } from '../graph/graph.ts';
import { createGraphService } from '../graph/service.ts';
import { createGraphView } from '../graph/view.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Closers } from './closers.ts';

/** The graph over the log: its view, which is read at the first question, and the thread that computes for it. */
export const openGraph = (
  { log, writer }: { readonly log: Log; readonly writer: StateWriter },
  closers: Closers,
): GraphService => {
  const view = createGraphView(log);
  closers.add(view.close);
  const analyst = createAnalyst();
  closers.add(() => analyst.close());
  return createGraphService({ log, view, writer, analyst, clock });
};
