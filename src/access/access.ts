import { CrucibleError } from '../kernel/errors.ts';
import { hashKey, looksLikeKey, parseKey, sameHash } from './key-format.ts';
import { ALL_PERMISSIONS } from './permission.ts';
import type { Principal } from './principal.ts';

/** Turns credentials into a principal. Keys in the store and JWTs will answer to the same interface. */
export interface Access {
  /**
   * @param authorization the `Authorization` header (RFC 6750 bearer tokens)
   * @throws CrucibleError `unauthenticated`
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

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
 * Access with one admin key, which may do everything everywhere.
 * @param options.adminKey as text; only its SHA-256 is kept from here on
 * @throws CrucibleError `config_invalid` for a key that is too short
 */
export const createAccess = (options: { readonly adminKey: string }): Access => {
  if (options.adminKey.length < MIN_ADMIN_KEY_LENGTH) {
    throw new CrucibleError(
      'config_invalid',
      `The admin key is shorter than ${MIN_ADMIN_KEY_LENGTH} characters`,
      {
        hint: 'Give a longer CRUCIBLE_API_KEY, or none to have one generated.',
      },
    );
  }
  const adminHash = hashKey(options.adminKey);
  return {
    async authenticate(authorization) {
      const token = bearerToken(authorization);
      if (sameHash(hashKey(token), adminHash)) return ADMIN;
      if (looksLikeKey(token) && parseKey(token) === undefined) {
        throw new CrucibleError('unauthenticated', 'The API key is damaged: its checksum does not fit', {
          hint: 'Copy the whole key again: crk_, and three parts joined by underscores.',
        });
      }
      throw new CrucibleError('unauthenticated', 'The credentials are not valid', { hint: HINT });
    },
  };
};
