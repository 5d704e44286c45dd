import type { IncomingMessage } from 'node:http';
import type { Principal } from '../access/principal.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import { KEY_SUBPROTOCOL, SUBPROTOCOL } from './protocol.ts';

/** How the request for a connection brings its credentials; `later`: by its first message. */
export type Offered =
  | { readonly by: 'header'; readonly authorization: string }
  | { readonly by: 'subprotocol'; readonly authorization: string }
  | { readonly by: 'later' };

/** What came with the request: who it is, or what is wrong with its credentials, or nothing. */
export type Arrival =
  | { readonly principal: Principal; readonly authorization: string }
  | { readonly refused: CrucibleError }
  | { readonly later: true };

const subprotocolsOf = (req: IncomingMessage): readonly string[] =>
  (req.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());

/** The header counts where both are there. */
export const offeredBy = (req: IncomingMessage): Offered => {
  const { authorization } = req.headers;
  if (authorization !== undefined) return { by: 'header', authorization };
  const named = subprotocolsOf(req).find((name) => name.startsWith(KEY_SUBPROTOCOL));
  if (named === undefined) return { by: 'later' };
  return { by: 'subprotocol', authorization: `Bearer ${named.slice(KEY_SUBPROTOCOL.length)}` };
};

/**
 * The subprotocol to agree on: a browser ends a connection whose server takes none of those that it offered. A key is
 * given back only to a client that offers nothing else.
 */
export const chosenSubprotocol = (offered: ReadonlySet<string>): string | false => {
  if (offered.has(SUBPROTOCOL)) return SUBPROTOCOL;
  return [...offered].find((name) => name.startsWith(KEY_SUBPROTOCOL)) ?? false;
};
