import { createHash, timingSafeEqual } from 'node:crypto';
import { CrucibleError } from '../kernel/errors.ts';

/**
 * API keys read `crk_<id>_<secret>_<checksum>`: 12, 43 and 6 characters of [A-Za-z0-9]. The id finds the stored hash without a
 * search, the secret holds 256 bits, and the checksum lets a mistyped or cut-off key be told from an unknown one, and a
 * scanner recognise a leaked one, without asking anybody.
 */
export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

/** Bytes from a cryptographic source; a dependency so that tests can repeat. */
export type RandomBytes = (size: number) => Uint8Array;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 12;
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const KEY = new RegExp(
  `^crk_([0-9A-Za-z]{${ID_LENGTH}})_([0-9A-Za-z]{${SECRET_LENGTH}})_([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/** Bytes past the last multiple of 62 are dropped: a remainder would make the first characters likelier. */
const randomText = (length: number, random: RandomBytes): string => {
  const limit = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length * 2)) {
      if (byte < limit && text.length < length) text += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return text;
};

const checksum = (id: string, secret: string): string => {
  let rest = createHash('sha256').update(`crk_${id}_${secret}`).digest().readUIntBE(0, 6);
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) {
    text += ALPHABET.charAt(rest % ALPHABET.length);
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
};

/** A fresh key, as text. Shown once; only {@link hashKey} of it is kept. */
export const generateKey = (random: RandomBytes): string => {
  const id = randomText(ID_LENGTH, random);
  const secret = randomText(SECRET_LENGTH, random);
  return `crk_${id}_${secret}_${checksum(id, secret)}`;
};

/** The parts of a key; undefined if the text is none of ours or its checksum is wrong. */
export const parseKey = (text: string): ApiKey | undefined => {
  const [, id, secret, given] = KEY.exec(text) ?? [];
  if (id === undefined || secret === undefined || given !== checksum(id, secret)) return undefined;
  return { id, secret };
};

/** @returns the parts @throws CrucibleError `unauthenticated` for a key that is cut off or mistyped */
export const assertUndamaged = (text: string): ApiKey => {
  const key = parseKey(text);
  if (key !== undefined) return key;
  throw new CrucibleError('unauthenticated', 'The API key is damaged: its checksum does not fit', {
    hint: 'Copy the whole key again: crk_, and three parts joined by underscores.',
  });
};

/** Whether the text means to be one of our keys, right or wrong. */
export const looksLikeKey = (text: string): boolean => text.startsWith('crk_');

/** What is kept of a key. A plain hash suffices: keys are random, so there is nothing to guess from a dictionary. */
export const hashKey = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

/** In time that does not depend on where they differ. */
export const sameHash = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);
