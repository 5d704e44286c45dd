import { randomBytes } from 'node:crypto';
import { createAccess, type Access } from '../access/access.ts';
import { createDiscovery, type FetchJson } from '../access/issuer.ts';
import { openKeyRing } from '../access/key-ring.ts';
import { localKeySet, remoteKeySet, type FindKey } from '../access/key-set.ts';
import { createKeyService, type KeyService } from '../access/keys.ts';
import { createLastUse } from '../access/last-use.ts';
import { readLocalKeys } from '../access/local-key.ts';
import { createTokenVerifier, type VerifyToken } from '../access/tokens.ts';
import type { JwtConfig } from '../config/config.ts';
import type { Egress } from '../egress/egress.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { Closers } from './closers.ts';

/** For a description of an issuer, or its key set. */
const FETCH_TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES = 256 * 1024;

/** JSON through the guarded way out: no redirects, no address that hooks could not reach either. */
export const fetchJsonBy =
  (egress: Pick<Egress, 'request'>): FetchJson =>
  async (url) => {
    const { status, body, truncated } = await egress.request({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      timeoutMs: FETCH_TIMEOUT_MS,
      maxResponseBytes: MAX_DOCUMENT_BYTES,
    });
    if (status !== 200) throw new Error(`the answer is ${status}`);
    if (truncated) throw new Error(`the answer is larger than ${MAX_DOCUMENT_BYTES} bytes`);
    return JSON.parse(body) as unknown;
  };

/** Fetches the key set of an issuer: from a URL of the settings, or from where its own description says. */
export const fetchKeysOf = (
  { issuer, keysUrl }: Pick<JwtConfig, 'issuer' | 'keysUrl'>,
  fetchJson: FetchJson,
): (() => Promise<unknown>) => {
  const keySetUrl = keysUrl === undefined ? createDiscovery(issuer, fetchJson) : () => keysUrl;
  return async () => fetchJson(await keySetUrl());
};

/** Where the keys of tokens come from: the settings, or the issuer, which is asked at once; nobody waits for it. */
const keysOf = (jwt: JwtConfig, fetchJson: FetchJson, logger: Logger): FindKey => {
  if (jwt.key !== undefined) return localKeySet(readLocalKeys(jwt.key));
  const { find, fetchAhead } = remoteKeySet({
    fetchKeys: fetchKeysOf(jwt, fetchJson),
    monotonicMs: () => performance.now(),
    logger,
  });
  void fetchAhead();
  return find;
};

/** @throws CrucibleError `config_invalid` for a local key that cannot be read */
export const createVerifier = (
  jwt: JwtConfig,
  deps: { readonly egress: Pick<Egress, 'request'>; readonly logger: Logger },
): VerifyToken =>
  createTokenVerifier({
    rules: jwt,
    findKey: keysOf(jwt, fetchJsonBy(deps.egress), deps.logger),
    now: clock.now,
  });

/** Who may call: the admin key, the API keys in the store, and tokens where an issuer is configured. */
export const openAccess = async (
  deps: {
    readonly adminKey: string;
    readonly jwt: JwtConfig | undefined;
    readonly log: Log;
    readonly egress: Pick<Egress, 'request'>;
    readonly logger: Logger;
    /** See `createAccess`; absent where the log itself refuses to be read then. */
    readonly lapsed?: () => boolean;
  },
  closers: Closers,
): Promise<{ readonly access: Access; readonly keys: KeyService }> => {
  const { log } = deps;
  const logger = deps.logger.child({ component: 'access' });
  const ring = await openKeyRing({ log, now: clock.now, logger });
  closers.add(() => ring.close());
  const access = createAccess({
    adminKey: deps.adminKey,
    keys: ring,
    used: createLastUse({ log, now: clock.now, logger }),
    ...(deps.lapsed === undefined ? {} : { lapsed: deps.lapsed }),
    ...(deps.jwt === undefined
      ? {}
      : { verifyToken: createVerifier(deps.jwt, { egress: deps.egress, logger }) }),
  });
  const keys = createKeyService({ log, ring, now: clock.now, newId, random: randomBytes, logger });
  return { access, keys };
};
