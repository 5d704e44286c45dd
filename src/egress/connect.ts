import { connect as connectTcp } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { buildConnector } from 'undici';
import { parseAddress } from './addresses.ts';
import { EgressError } from './egress.ts';
import { connectFailure, denied, resolveFailure } from './failures.ts';
import type { Guard } from './guard.ts';
import type { Resolve } from './resolve.ts';

interface ConnectorDeps {
  readonly guard: Guard;
  readonly resolve: Resolve;
  /** For resolving, connecting and TLS together; no request waits longer for a place on a connection that hangs. */
  readonly connectTimeoutMs: number;
  /** Certificate authorities (PEM) to trust besides the known ones are the system's business; tests give their own. */
  readonly ca: readonly string[] | undefined;
}

/** Answers Node's own connecting code with addresses that were judged, and with no others. */
const answering =
  (addresses: readonly string[]): LookupFunction =>
  (hostname, options, callback) => {
    const rows = addresses.map((address) => ({ address, family: parseAddress(address)?.family ?? 4 }));
    const fitting = rows.filter(
      ({ family }) => options.family === undefined || options.family === 0 || options.family === family,
    );
    const [first] = fitting;
    if (first === undefined) {
      callback(Object.assign(new Error(`no address of ${hostname}`), { code: 'ENOTFOUND' }), '', 0);
    } else if (options.all === true) callback(null, fitting);
    else callback(null, first.address, first.family);
  };

/**
 * Opens sockets for undici. Guarantee: every address that a socket is opened to was judged for this very connection; an
 * address in the URL is judged here too, because Node asks nobody about those. A connection that is used again was
 * judged when it was made, and can lead nowhere else.
 */
export const createConnector = (deps: ConnectorDeps): buildConnector.connector => {
  const addressesOf = async (hostname: string, port: number): Promise<readonly string[]> => {
    let addresses: readonly string[] = [hostname];
    if (parseAddress(hostname) === undefined) {
      try {
        addresses = await deps.resolve(hostname);
      } catch (error) {
        throw resolveFailure(hostname, error);
      }
      if (addresses.length === 0)
        throw resolveFailure(hostname, Object.assign(new Error(), { code: 'ENODATA' }));
    }
    const judged = deps.guard.judgeAddresses(hostname, port, addresses);
    if (!judged.ok) throw denied(judged.reason, judged.hint);
    return judged.value;
  };

  const open = (secure: boolean, hostname: string, port: number, addresses: readonly string[]): Socket => {
    const options = {
      host: hostname,
      port,
      lookup: answering(addresses),
      autoSelectFamily: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    };
    if (!secure) return connectTcp(options);
    return connectTls({
      ...options,
      ALPNProtocols: ['http/1.1'],
      // A certificate may name an address, but the TLS hello may not (RFC 6066).
      ...(parseAddress(hostname) === undefined ? { servername: hostname } : {}),
      ...(deps.ca === undefined ? {} : { ca: [...deps.ca] }),
    });
  };

  return ({ hostname, protocol, port: portText }, callback) => {
    const secure = protocol === 'https:';
    const port = portText === '' ? (secure ? 443 : 80) : Number(portText);
    let socket: Socket | undefined;
    let secured = false;
    let settled = false;

    const fail = (error: EgressError): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket?.destroy();
      callback(error, null);
    };

    const timer = setTimeout(() => {
      const phase = socket === undefined ? 'resolving its name' : secured ? 'TLS' : 'connecting';
      fail(
        new EgressError(
          'timeout',
          `no connection to ${hostname}:${port} within ${deps.connectTimeoutMs} ms (${phase})`,
          {
            final: false,
            // A name server that does not answer is on this side.
            ours: socket === undefined,
          },
        ),
      );
    }, deps.connectTimeoutMs);

    const begin = (addresses: readonly string[]): void => {
      if (settled) return;
      const opened = open(secure, hostname, port, addresses);
      socket = opened;
      // Stays for good: an error of a socket that nobody uses must not end the process.
      opened.on('error', (error) => fail(connectFailure(hostname, port, error, secured)));
      opened.once('connect', () => {
        secured = secure;
      });
      opened.once(secure ? 'secureConnect' : 'connect', () => {
        // The last word has the address that we are in fact connected to.
        const judged = deps.guard.judgeAddresses(hostname, port, [opened.remoteAddress ?? '']);
        if (!judged.ok) {
          fail(denied(judged.reason, judged.hint));
          return;
        }
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        callback(null, opened);
      });
    };

    addressesOf(hostname, port).then(begin, (error: unknown) =>
      fail(error instanceof EgressError ? error : resolveFailure(hostname, error)),
    );
  };
};
