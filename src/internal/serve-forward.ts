import type { IncomingMessage } from 'node:http';
import { CrucibleError } from '../kernel/errors.ts';
import { HEADERS, PATHS } from './protocol.ts';
import type { ForwardedBy } from './services.ts';

/** An address, or a network. */
const MAX_CLIENT_LENGTH = 100;
const OURS: ReadonlySet<string> = new Set(Object.values(HEADERS));

export const isForwarded = (req: IncomingMessage): boolean =>
  req.url?.startsWith(`${PATHS.forward}/`) === true;

/**
 * Makes a forwarded request the client's own again: its path, and no header of ours, which nobody further in is to see.
 * @throws CrucibleError `malformed_request`
 */
export const unwrap = (req: IncomingMessage): ForwardedBy => {
  const client = req.headers[HEADERS.client];
  if (typeof client !== 'string' || client === '' || client.length > MAX_CLIENT_LENGTH)
    throw new CrucibleError(
      'malformed_request',
      `\`${HEADERS.client}\` does not say whom the request counts for`,
    );
  req.url = (req.url ?? '').slice(PATHS.forward.length);
  // Node makes these of the raw ones when they are first asked for, and counts on all of those being there.
  const { headers, headersDistinct } = req;
  for (const name of OURS) {
    delete headers[name];
    delete headersDistinct[name];
  }
  req.rawHeaders = req.rawHeaders.filter((_, i, all) => {
    const name = all[i - (i % 2)] ?? '';
    return !OURS.has(name.toLowerCase());
  });
  return { client };
};
