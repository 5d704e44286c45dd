import { messageOf, type CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { STATUS } from './status.ts';

/** The cause's stack for the log; it never reaches a client. */
const causeOf = (error: CrucibleError): string | undefined => {
  const { cause } = error;
  if (cause === undefined) return undefined;
  return cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause);
};

/** Our faults are errors in the log; the caller's are its own business and only seen when debugging. */
export const logFailure = (
  logger: Logger,
  error: CrucibleError,
  request: {
    readonly requestId: string;
    readonly method: string | undefined;
    readonly path: string | undefined;
  },
): void => {
  const fields = {
    request_id: request.requestId,
    method: request.method,
    path: request.path?.split('?')[0],
    code: error.code,
    status: STATUS[error.code],
  };
  if (STATUS[error.code] < 500) logger.debug(fields, error.message);
  else if (error.code === 'internal') logger.error({ ...fields, cause: causeOf(error) }, error.message);
  else logger.warn({ ...fields, cause: causeOf(error) }, error.message);
};
