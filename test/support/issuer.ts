import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, SignJWT, type JWK } from 'jose';

/** A local OAuth 2 issuer: describes itself, serves its key set, and signs whatever a test wants. */
export interface TestIssuer extends AsyncDisposable {
  /** As `iss` says it. */
  readonly url: string;
  readonly keysUrl: string;
  /** The paths that were asked for, in order. */
  readonly asked: string[];
  /** Signs with its newest key, for an hour. */
  token(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** Takes a new key, and forgets the old one. */
  rotate(): Promise<void>;
  readonly privateKey: () => KeyObject;
}

export const AUDIENCE = 'https://crucible.test';

export const startIssuer = async (
  options: {
    /** Where it describes itself; default RFC 8414's place. */
    readonly wellKnown?: 'oauth-authorization-server' | 'openid-configuration';
    /** Sends who asks for the keys elsewhere. */
    readonly redirectKeysTo?: string;
  } = {},
): Promise<TestIssuer> => {
  const { wellKnown = 'oauth-authorization-server', redirectKeysTo } = options;
  const asked: string[] = [];
  let generation = 0;
  let pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let jwk: JWK = {};
  const adopt = async (): Promise<void> => {
    generation += 1;
    jwk = { ...(await exportJWK(pair.publicKey)), kid: `key-${generation}`, use: 'sig', alg: 'RS256' };
  };
  await adopt();

  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    const send = (value: unknown): void => {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify(value));
    };
    if (req.url === `/.well-known/${wellKnown}`) send({ issuer: url, jwks_uri: `${url}/keys` });
    else if (req.url === '/keys' && redirectKeysTo !== undefined)
      res.writeHead(302, { location: redirectKeysTo }).end();
    else if (req.url === '/keys') send({ keys: [jwk] });
    else res.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    keysUrl: `${url}/keys`,
    asked,
    privateKey: () => pair.privateKey,
    token: (claims = {}, header = {}) =>
      new SignJWT({ iss: url, aud: AUDIENCE, sub: 'alice', role: 'editor', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: `key-${generation}`, typ: 'at+jwt', ...header })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(pair.privateKey),
    rotate: async () => {
      pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await adopt();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
