import { CrucibleError } from '../kernel/errors.ts';
import { assertUndamaged, hashKey, looksLikeKey, sameHash } from './key-format.ts';
import type { KeyRing } from './key-ring.ts';
import type { KeyRow } from './key-row.ts';
import { ALL_PERMISSIONS } from './permission.ts';
import type { Principal } from './principal.ts';
import { looksLikeToken } from './tokens.ts';
import type { VerifyToken } from './tokens.ts';

/** Turns credentials into a principal: the admin key, an API key, or a JSON Web Token. */
export interface Access {
  /**
   * @param authorization the `Authorization` header (RFC 6750 bearer tokens)
   * @throws CrucibleError `unauthenticated`, `issuer_unavailable`, `log_unavailable`
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /**
   * Called with a principal's id when its credentials are revoked, for what stays open after a request: a stream ends
   * then. Credentials that end by themselves say so in `Principal.expiresAt`. @returns ends it
   */
  onRevoked?(listener: (principalId: string) => void): () => void;
}

const cutOff = (): CrucibleError =>
  new CrucibleError(
    'log_unavailable',
    'This server has not heard from its database for so long that another one may write by now',
    {
      hint: 'Ask again: it answers as soon as the database does, or another server does.',
      retryAfterMs: 1_000,
    },
  );

/** The shortest admin key that is taken from outside. */
export const MIN_ADMIN_KEY_LENGTH = 32;

const ADMIN: Principal = {
  id: 'admin',
  actor: 'user:admin',
  source: { kind: 'user', user_id: 'admin' },
  worlds: undefined,
  permissions: ALL_PERMISSIONS,
};

const HINT =
  'Send Authorization: Bearer <key>; `crucible dev` prints the key and keeps it in admin.key in the data directory.';

const bearerToken = (authorization: string | undefined): string => {
  if (authorization === undefined || authorization === '') {
    throw new CrucibleError('unauthenticated', 'The request carries no credentials', { hint: HINT });
  }
  const [, token] = /^bearer +([\x21-\x7e]+)$/i.exec(authorization) ?? [];
  if (token === undefined) {
    throw new CrucibleError('unauthenticated', 'The Authorization header does not hold a bearer token', {
      hint: HINT,
    });
  }
  return token;
};

/**
 * Access with an admin key, which may do everything everywhere; with `keys`, API keys; with `verifyToken`, tokens.
 * @param options.adminKey as text; only its SHA-256 is kept from here on
 * @throws CrucibleError `config_invalid` for a key that is too short
 */
export const createAccess = (options: {
  readonly adminKey: string;
  readonly keys?: Pick<KeyRing, 'authenticate' | 'get' | 'onRevoked'>;
  readonly verifyToken?: VerifyToken;
  /** Told of each use of an API key. */
  readonly used?: (row: KeyRow) => void;
  /** Whether another process may have revoked keys, and changed everything else, unseen by this one: nobody is let in. */
  readonly lapsed?: () => boolean;
}): Access => {
  if (options.adminKey.length < MIN_ADMIN_KEY_LENGTH) {
    throw new CrucibleError(
      'config_invalid',
      `The admin key is shorter than ${MIN_ADMIN_KEY_LENGTH} characters`,
      {
        hint: 'Give a longer CRUCIBLE_API_KEY, or none to have one generated.',
      },
    );
  }
  const { keys, verifyToken, used, lapsed } = options;
  const adminHash = hashKey(options.adminKey);

  const byKey = (text: string): Principal => {
    if (keys === undefined) {
      assertUndamaged(text);
      throw new CrucibleError('unauthenticated', 'The credentials are not valid', { hint: HINT });
    }
    const principal = keys.authenticate(text);
    const row = keys.get(principal.id);
    if (row !== undefined) used?.(row);
    return principal;
  };

  return {
    async authenticate(authorization) {
      if (lapsed?.() === true) throw cutOff();
      const token = bearerToken(authorization);
      if (sameHash(hashKey(token), adminHash)) return ADMIN;
      if (looksLikeKey(token)) return byKey(token);
      if (verifyToken !== undefined && looksLikeToken(token)) return verifyToken(token);
      throw new CrucibleError('unauthenticated', 'The credentials are not valid', { hint: HINT });
    },
    onRevoked: (listener) => keys?.onRevoked(listener) ?? ((): void => undefined),
  };
};
