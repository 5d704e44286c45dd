import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { CrucibleError } from '../kernel/errors.ts';

/**
 * Keeps secrets at rest: AES-256-GCM (NIST SP 800-38D) under one key, a fresh 96-bit nonce for each text.
 *
 * The owner's id is associated data: a sealed text that is copied to another owner's row does not open there.
 */
export interface SecretBox {
  /** @returns `v1.<nonce>.<ciphertext and tag>`, each in base64url */
  seal(plaintext: string, ownerId: string): string;
  /** @throws CrucibleError `config_invalid` when the key, the owner or the text is not the one that was sealed */
  open(sealed: string, ownerId: string): string;
}

const VERSION = 'v1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @param key 32 bytes; `CRUCIBLE_ENCRYPTION_KEY` decoded
 * @throws CrucibleError `config_invalid` when the key has another length
 */
export function createSecretBox(
  key: Uint8Array,
  random: (bytes: number) => Uint8Array = randomBytes,
): SecretBox {
  if (key.length !== KEY_BYTES) {
    throw new CrucibleError(
      'config_invalid',
      `The encryption key has ${key.length} bytes; it must have ${KEY_BYTES}.`,
      {
        hint: 'Give CRUCIBLE_ENCRYPTION_KEY the base64 of 32 random bytes.',
      },
    );
  }
  const secretKey = Uint8Array.from(key);

  return {
    seal(plaintext, ownerId) {
      const nonce = random(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', secretKey, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associatedData(ownerId));
      const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, Buffer.from(nonce).toString('base64url'), sealed.toString('base64url')].join('.');
    },

    open(sealed, ownerId) {
      const [version, nonceText, text, ...rest] = sealed.split('.');
      if (version !== VERSION || nonceText === undefined || text === undefined || rest.length > 0) {
        throw cannotOpen(ownerId, 'it is not a sealed secret of a known version');
      }
      const nonce = Buffer.from(nonceText, 'base64url');
      const bytes = Buffer.from(text, 'base64url');
      if (nonce.length !== NONCE_BYTES || bytes.length < TAG_BYTES)
        throw cannotOpen(ownerId, 'it is cut short');
      const decipher = createDecipheriv('aes-256-gcm', secretKey, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(associatedData(ownerId));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      try {
        const start = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES));
        return Buffer.concat([start, decipher.final()]).toString('utf8');
      } catch (cause) {
        throw cannotOpen(
          ownerId,
          'the encryption key is not the one it was sealed with, or it was altered',
          cause,
        );
      }
    },
  };
}

const associatedData = (ownerId: string): Buffer => Buffer.from(`crucible:webhook:${ownerId}`, 'utf8');

const cannotOpen = (ownerId: string, why: string, cause?: unknown): CrucibleError =>
  new CrucibleError('config_invalid', `The stored secrets of ${ownerId} cannot be opened: ${why}.`, {
    hint: 'Start the server with the CRUCIBLE_ENCRYPTION_KEY that was in use when the webhook was made.',
    ...(cause === undefined ? {} : { cause }),
  });
