import type { Config } from '../../config/config.ts';
import type { Logger } from '../../kernel/logger.ts';
import { findTemporalBinary } from '../../temporal/binary.ts';
import type { TemporalBinary } from '../../temporal/binary.ts';
import { startDevServer } from '../../temporal/dev-server.ts';
import type { DevServer } from '../../temporal/dev-server.ts';
import type { TemporalChild } from './loop.ts';

export interface TemporalProcessOptions {
  readonly config: Pick<Config, 'dataDir' | 'temporal'>;
  readonly cacheDir: string;
  readonly searchPath: string | undefined;
  readonly logger: Logger;
}

export interface TemporalProcess {
  start(signal: AbortSignal): Promise<TemporalChild>;
  /** Where it was started; undefined before. */
  readonly place: { readonly address: string; readonly uiUrl: string } | undefined;
}

/** Starts the managed Temporal; again on the same ports, because the server knows them. */
export const temporalProcess = (options: TemporalProcessOptions): TemporalProcess => {
  const { config, logger } = options;
  let binary: TemporalBinary | undefined;
  let place: { address: string; uiUrl: string } | undefined;
  return {
    get place() {
      return place;
    },
    async start(signal) {
      binary ??= await unlessAborted(
        signal,
        findTemporalBinary({
          given: config.temporal.binary,
          searchPath: options.searchPath,
          cacheDir: options.cacheDir,
          logger,
        }),
      );
      signal.throwIfAborted();
      const server: DevServer = await startDevServer({
        binary,
        dataDir: config.dataDir,
        port: place === undefined ? config.temporal.port : portOf(place.address),
        uiPort: place === undefined ? config.temporal.uiPort : portOf(place.uiUrl),
        namespace: config.temporal.namespace,
        logger,
      });
      place = { address: server.address, uiUrl: server.uiUrl };
      logger.info({ address: server.address, ui: server.uiUrl, pid: server.pid }, 'Temporal is up');
      return { exited: server.exited, stop: () => server.stop() };
    },
  };
};

/** Fetching a program may take minutes; whoever wants to end does not wait for it. */
const unlessAborted = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

const portOf = (place: string): number => Number(place.slice(place.lastIndexOf(':') + 1));
