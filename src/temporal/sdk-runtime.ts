import { Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import type { LogLevel, Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from '../kernel/logger.ts';

/** Our logger in the SDK's clothes. What it tells of its own workings (`INFO`) is of interest to those who look for it. */
export const sdkLogger = (logger: Logger): SdkLogger => {
  const at = (level: LogLevel, message: string, meta: object = {}): void => {
    if (level === 'ERROR') logger.error(meta, message);
    else if (level === 'WARN') logger.warn(meta, message);
    else logger.debug(meta, message);
  };
  return {
    log: at,
    trace: (message, meta) => at('TRACE', message, meta),
    debug: (message, meta) => at('DEBUG', message, meta),
    info: (message, meta) => at('INFO', message, meta),
    warn: (message, meta) => at('WARN', message, meta),
    error: (message, meta) => at('ERROR', message, meta),
  };
};

/** While the server is away, the SDK's pollers complain many times a second. One complaint in this time is enough. ms */
const COMPLAIN_EVERY_MS = 30_000;

/**
 * What the SDK informs about is of interest when looking for a fault only. Of its warnings about a call that is tried
 * again the first is let through, and the next one much later.
 */
export const damped = (logger: Logger, now: () => number): Logger => {
  let quietUntil = -Infinity;
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.debug(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => damped(logger.child(fields), now),
    warn(fields, message) {
      if (!('target' in fields) || fields.target !== 'temporalio_client::retry') logger.warn(fields, message);
      else if (now() < quietUntil) logger.debug(fields, message);
      else {
        quietUntil = now() + COMPLAIN_EVERY_MS;
        logger.warn(fields, `${message}; more of these within ${COMPLAIN_EVERY_MS / 1_000} s are not shown`);
      }
    },
  };
};

let installed = false;

/**
 * Sends the SDK's logs, native ones too, to our logger, and keeps its hands off signals: `main` decides when to stop.
 * The SDK has one runtime a process, made on first use: the first call counts, later ones change nothing.
 */
export const installSdkRuntime = (logger: Logger): void => {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: sdkLogger(damped(logger, () => performance.now())),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
    },
  });
};
