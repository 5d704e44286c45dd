import { createPublicKey } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';
import { CrucibleError, messageOf } from '../kernel/errors.ts';

const invalid = (message: string, cause?: unknown): CrucibleError =>
  new CrucibleError('config_invalid', `The key that tokens are verified with ${message}`, {
    hint: 'Give CRUCIBLE_JWT_KEY as a public key: PEM (SPKI or a certificate), a JWK, or a JWK set.',
    ...(cause === undefined ? {} : { cause }),
  });

/** Fields of a JWK that only who signs may know (RFC 7518, 6). */
const PRIVATE_FIELDS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const checked = (jwk: unknown): JWK => {
  if (!isObject(jwk) || typeof jwk['kty'] !== 'string') throw invalid('is JSON, but not a JWK');
  if (PRIVATE_FIELDS.some((field) => field in jwk))
    throw invalid('is a private or a shared key: who can only verify must not be able to sign');
  try {
    createPublicKey({ key: jwk, format: 'jwk' });
  } catch (error) {
    throw invalid(`cannot be read: ${messageOf(error)}`, error);
  }
  return jwk;
};

/**
 * A local key for tokens: a PEM public key or certificate, a JWK, or a JWK set.
 * @throws CrucibleError `config_invalid`; also for a private or symmetric key, which has no place here
 */
export const readLocalKeys = (text: string): JSONWebKeySet => {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    let value: unknown;
    try {
      value = JSON.parse(trimmed);
    } catch (error) {
      throw invalid('is not JSON', error);
    }
    if (!isObject(value) || !Array.isArray(value['keys'])) return { keys: [checked(value)] };
    if (value['keys'].length === 0) throw invalid('is an empty set');
    return { keys: value['keys'].map(checked) };
  }
  // node:crypto would take the public half of a private key, and leave the private one lying in the settings.
  if (/PRIVATE KEY/.test(trimmed))
    throw invalid('is a private key: who can only verify must not be able to sign');
  try {
    return { keys: [createPublicKey(trimmed.replaceAll('\\n', '\n')).export({ format: 'jwk' })] };
  } catch (error) {
    throw invalid(`cannot be read: ${messageOf(error)}`, error);
  }
};
