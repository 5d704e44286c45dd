import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { NO_GRANTS, grantsOf, isRole } from './grants.ts';
import type { Grants } from './grants.ts';
import type { FindKey } from './key-set.ts';
import { WORLD_NAME } from './principal.ts';
import type { Principal } from './principal.ts';

/** Signatures that only the issuer can make. None with a shared secret, and none without a key. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** Clocks of two machines may differ by this. */
const CLOCK_TOLERANCE_S = 5;

/** Headers by which a token would bring or name its own key. Whoever writes a token must not choose what verifies it. */
const KEY_HEADERS = ['jku', 'jwk', 'x5u', 'x5c'] as const;

const SUBJECT = /^[\x21-\x7e]{1,128}$/;
const ALL_WORLDS = '*';
/** Of tokens that say nothing of worlds. */
const DEFAULT_WORLDS = ['default'];

/** Turns the text of a JSON Web Token into whom it speaks of. @throws CrucibleError `unauthenticated`, `issuer_unavailable` */
export type VerifyToken = (text: string) => Promise<Principal>;

export interface TokenRules {
  readonly issuer: string;
  /** Who the tokens must be meant for: this server. Any one of these. */
  readonly audience: readonly string[];
  readonly algorithms: readonly TokenAlgorithm[];
}

/** Whether the text means to be a JSON Web Token (compact: three parts). */
export const looksLikeToken = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);

const refuse = (message: string, cause?: unknown): CrucibleError =>
  new CrucibleError('unauthenticated', message, {
    hint: 'Get a fresh token of the configured issuer, for this server as its audience.',
    ...(cause === undefined ? {} : { cause }),
  });

const CLAIM_NAMES: Readonly<Record<string, string>> = {
  aud: 'audience (aud)',
  iss: 'issuer (iss)',
  exp: 'expiry (exp)',
  nbf: 'beginning (nbf)',
  sub: 'subject (sub)',
};

/** What is wrong with a token, in words that show none of it. */
const refusalOf = (error: unknown): CrucibleError => {
  if (isCrucibleError(error)) return error;
  if (error instanceof errors.JWTExpired) return refuse('The token has expired', error);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const claim = CLAIM_NAMES[error.claim] ?? error.claim;
    if (error.cause.reason === 'missing') return refuse(`The token has no ${claim}`, error);
    return refuse(
      error.claim === 'nbf' ? 'The token is not valid yet' : `The token has the wrong ${claim}`,
      error,
    );
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return refuse("The token's algorithm is not one of those configured", error);
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return refuse("The token's signature does not fit", error);
  if (error instanceof errors.JWKSNoMatchingKey)
    return refuse('The token names a key that its issuer does not have', error);
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return refuse('The token does not say which of its issuer’s keys it is signed with (kid)', error);
  if (error instanceof errors.JOSEError) return refuse('The token cannot be read', error);
  throw error;
};

/** `scope` is a text of words (RFC 9068, RFC 8693) or, with some issuers, a list. */
const wordsOf = (claim: unknown): readonly string[] | undefined => {
  if (claim === undefined) return undefined;
  if (typeof claim === 'string') return claim.split(' ').filter((word) => word !== '');
  return Array.isArray(claim) && claim.every((word) => typeof word === 'string') ? claim : [];
};

/**
 * A role, narrowed by scopes; without a role the scopes alone. A role that is none of ours opens nothing, and so does a
 * token with neither.
 */
const grantsIn = (payload: JWTPayload): Grants => {
  const scopes = wordsOf(payload['scope']);
  const { role } = payload;
  if (role === undefined) return scopes === undefined ? NO_GRANTS : grantsOf('admin', scopes);
  if (!isRole(role)) return NO_GRANTS;
  return grantsOf(role, scopes);
};

const worldsIn = (payload: JWTPayload): readonly string[] | undefined => {
  const worlds = wordsOf(payload['worlds']) ?? DEFAULT_WORLDS;
  if (worlds.includes(ALL_WORLDS)) return undefined;
  if (worlds.length === 0 || !worlds.every((world) => WORLD_NAME.test(world)))
    throw refuse('The claim worlds of the token is not a list of names of worlds');
  return worlds;
};

const principalIn = (payload: JWTPayload): Principal => {
  const { sub = '', exp } = payload;
  if (!SUBJECT.test(sub))
    throw refuse('The subject (sub) of the token is not 1 to 128 printable characters without spaces');
  return {
    id: `user:${sub}`,
    actor: `user:${sub}`,
    source: { kind: 'user', user_id: sub },
    worlds: worldsIn(payload),
    ...grantsIn(payload),
    ...(exp === undefined ? {} : { expiresAt: exp * 1000 }),
  };
};

/**
 * JSON Web Tokens (RFC 7519) as OAuth 2 access tokens, by the rules of RFC 8725: algorithms pinned, issuer, audience and
 * expiry required, keys from the configuration only.
 */
export const createTokenVerifier = (deps: {
  readonly rules: TokenRules;
  readonly findKey: FindKey;
  /** ms since the epoch */
  readonly now: () => number;
}): VerifyToken => {
  const { rules, findKey } = deps;
  return async (text) => {
    try {
      const header = decodeProtectedHeader(text);
      if (KEY_HEADERS.some((name) => name in header))
        throw refuse('The token brings or names its own key, which is never taken');
      const { payload } = await jwtVerify(text, findKey, {
        issuer: rules.issuer,
        audience: [...rules.audience],
        algorithms: [...rules.algorithms],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(deps.now()),
      });
      return principalIn(payload);
    } catch (error) {
      // decodeProtectedHeader throws a TypeError for what is no header.
      if (error instanceof TypeError) throw refuse('The token cannot be read', error);
      throw refusalOf(error);
    }
  };
};
