import type { RequestHandler } from 'express';
import type { Logger } from '../kernel/logger.ts';
import { principalOn, requestIdOn } from './requests.ts';

/** An API key of ours and a JSON Web Token, wherever somebody has put one. */
const CREDENTIALS = /crk(?:_|%5f)[0-9A-Za-z_%]{8,}|eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/gi;

const cut = (text: string): string => text.replaceAll(CREDENTIALS, '[redacted]');

const cutFields = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' ? cut(value) : value,
    ]),
  );

/**
 * A logger that writes no key and no token, wherever the client has put it: a path, a request id, an error's message.
 * Headers and bodies are never given to it in the first place.
 */
export const withoutCredentials = (logger: Logger): Logger => ({
  debug: (fields, message) => logger.debug(cutFields(fields), cut(message)),
  info: (fields, message) => logger.info(cutFields(fields), cut(message)),
  warn: (fields, message) => logger.warn(cutFields(fields), cut(message)),
  error: (fields, message) => logger.error(cutFields(fields), cut(message)),
  child: (fields) => withoutCredentials(logger.child(cutFields(fields))),
});

/** Asked every few seconds by machines; seen when debugging only. */
const QUIET: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** One line for each request, once it is answered or given up. */
export const createRequestLog = (
  logger: Logger,
  monotonicMs: () => number = () => performance.now(),
): RequestHandler => {
  return (req, res, next) => {
    const startedAt = monotonicMs();
    const [path = ''] = req.originalUrl.split('?', 1);
    res.once('close', () => {
      const principalId = principalOn(res);
      const fields = {
        request_id: requestIdOn(res),
        method: req.method,
        path,
        status: res.statusCode,
        duration_ms: Math.round((monotonicMs() - startedAt) * 10) / 10,
        ...(principalId === undefined ? {} : { principal_id: principalId }),
        // The client went away, or was cut off: it has not seen this status.
        ...(res.writableFinished ? {} : { aborted: true }),
      };
      if (QUIET.has(path)) logger.debug(fields, 'request');
      else logger.info(fields, 'request');
    });
    next();
  };
};
