import { setTimeout as delay } from 'node:timers/promises';
import type { EmbeddingsConfig } from '../config/config.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import type { Egress } from '../egress/egress.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { createEmbeddings } from '../memory/embeddings.ts';
import { createSemanticIndex } from '../memory/semantic-index.ts';
import type { Semantic } from '../memory/semantic.ts';
import type { Closers } from './closers.ts';
import { systemOrigin } from './system-origin.ts';

const sleep = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  // Woken up by the end, which the caller looks for itself.
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
};

/**
 * Search by meaning, following the log from here on; without settings it answers undefined.
 * @throws CrucibleError `egress_denied` when the service lies where nothing may be reached
 */
export const openEmbeddings = async (
  {
    embeddings: settings,
    log,
    egress,
    buildEvent,
    logger: root,
  }: {
    readonly embeddings: EmbeddingsConfig | undefined;
    readonly log: Log;
    readonly egress: Egress;
    readonly buildEvent: BuildEvent;
    readonly logger: Logger;
  },
  closers: Closers,
): Promise<Semantic> => {
  if (settings === undefined) return { search: () => Promise.resolve(undefined) };
  await egress.check(settings.url);
  const logger = root.child({ component: 'embeddings' });
  const index = createSemanticIndex({
    log,
    embeddings: createEmbeddings({ ...settings, egress, clock, random: Math.random, sleep }),
    logger,
    sleep,
    random: Math.random,
    report: async ({ code, message, hint }) => {
      const text = hint === undefined ? message : `${message}. ${hint}`;
      const payload = { component: 'embeddings', code, message: text };
      const event = buildEvent({ type: 'system.error', payload }, systemOrigin('embeddings', newId));
      await log.append({ events: [event], ledger: true });
    },
  });
  closers.add(() => index.close());
  index.start();
  return index;
};
