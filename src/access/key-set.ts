import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

/** How old the keys may become before they are fetched again. */
const MAX_AGE_MS = 10 * 60_000;
/** How long keys that cannot be renewed are still trusted: an issuer that is away for a moment locks nobody out. */
const MAX_STALE_MS = 60 * 60_000;
/** After a fetch, good or bad, none for this long, whatever `kid` tokens name: nobody can make us call the issuer. */
const COOL_DOWN_MS = 30_000;
const FAILED_COOL_DOWN_MS = 5_000;

/** Finds the key that a token names. @throws JOSEError when there is none; CrucibleError `issuer_unavailable` */
export type FindKey = (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => Promise<CryptoKey>;

export interface RemoteKeySet {
  readonly find: FindKey;
  /** Fetches ahead of the first token, so that an issuer that cannot be asked is told by then. Never rejects. */
  readonly fetchAhead: () => Promise<void>;
}

/** @throws Error for what is no key set */
export const assertKeySet: (value: unknown) => asserts value is JSONWebKeySet = (value) => {
  if (!isKeySet(value)) throw new Error('the answer is not a JSON Web Key Set');
};

const isKeySet = (value: unknown): value is JSONWebKeySet =>
  typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);

/**
 * Keys from the settings. One without a `kid` (a PEM key has none) verifies tokens under any.
 * @throws JOSEError for what is no key set
 */
export const localKeySet = (set: JSONWebKeySet): FindKey => {
  const named = createLocalJWKSet(set);
  const nameless = createLocalJWKSet({ keys: set.keys.filter(({ kid }) => kid === undefined) });
  return async (header, token) => {
    try {
      return await named(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || header?.kid === undefined) throw error;
      const { kid: _kid, ...rest } = header;
      return nameless(rest, token);
    }
  };
};

/**
 * The keys of an issuer, by URL.
 *
 *     empty --fetched--> fresh --MAX_AGE--> stale --fetched--> fresh
 *                                             \--MAX_STALE--> empty
 *
 * fresh: a token under an unknown `kid` (the issuer rotates its keys) fetches again, at most once in COOL_DOWN.
 * stale: every token tries a fetch, at most one in FAILED_COOL_DOWN; while none succeeds the old keys count.
 * empty: as stale, but without keys nothing can be judged: `issuer_unavailable`.
 * Requests that need the keys at the same time share one fetch.
 */
export const remoteKeySet = (deps: {
  /** Fetches the key set, as JSON; where it is may have to be found out first. */
  readonly fetchKeys: () => Promise<unknown>;
  /** Milliseconds, of a clock that only goes forward. */
  readonly monotonicMs: () => number;
  readonly logger: Logger;
}): RemoteKeySet => {
  const { monotonicMs, logger } = deps;
  let known: { readonly find: FindKey; readonly at: number } | undefined;
  let failed: { readonly at: number; readonly problem: string } | undefined;
  let fetching: Promise<void> | undefined;

  const fetchOnce = async (): Promise<void> => {
    try {
      const keys = await deps.fetchKeys();
      assertKeySet(keys);
      known = { find: createLocalJWKSet(keys), at: monotonicMs() };
      failed = undefined;
    } catch (error) {
      failed = { at: monotonicMs(), problem: messageOf(error) };
      logger.warn(
        {
          problem: failed.problem,
          hint: 'Until they can be, tokens are refused with issuer_unavailable, or judged by the keys of before for an hour. Check CRUCIBLE_JWT_ISSUER or CRUCIBLE_JWT_JWKS_URL; a private address must be open by CRUCIBLE_EGRESS_ALLOW.',
        },
        "the issuer's keys could not be fetched",
      );
    }
  };
  const renew = async (): Promise<void> => {
    if (failed !== undefined && monotonicMs() - failed.at < FAILED_COOL_DOWN_MS) return;
    fetching ??= fetchOnce().finally(() => {
      fetching = undefined;
    });
    await fetching;
  };

  const age = (): number => (known === undefined ? Infinity : monotonicMs() - known.at);

  const current = (): FindKey => {
    if (known !== undefined && age() < MAX_STALE_MS) return known.find;
    throw new CrucibleError(
      'issuer_unavailable',
      "The token cannot be judged: its issuer's keys could not be fetched",
      { hint: 'Try again, or use an API key.', retryAfterMs: FAILED_COOL_DOWN_MS },
    );
  };

  const find: FindKey = async (header, token) => {
    if (age() >= MAX_AGE_MS) await renew();
    try {
      return await current()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || age() < COOL_DOWN_MS) throw error;
      await renew();
      return current()(header, token);
    }
  };
  return { find, fetchAhead: renew };
};
