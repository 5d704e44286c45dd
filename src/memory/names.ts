import { createHash } from 'node:crypto';

/** Longer than this and it is a text, not a name. Characters. */
const MAX_NAME_LENGTH = 200;

/**
 * The form in which names are compared: Unicode NFC, lower case, white space collapsed. Undefined: it is no name, being
 * blank or too long.
 */
export const normaliseName = (written: string): string | undefined => {
  if (written.length > 4 * MAX_NAME_LENGTH) return undefined;
  // After lower case once more: the lower case of a composed letter need not be composed.
  const name = written.normalize('NFC').toLowerCase().normalize('NFC').replace(/\s+/gu, ' ').trim();
  return name === '' || name.length > MAX_NAME_LENGTH || name.includes('\0') ? undefined : name;
};

/** `Deep Learning` to `deep-learning`; what has no letter or digit in it gets one that is made of its hash. */
export const entitySlug = (name: string): string => {
  const slug = (normaliseName(name) ?? name.slice(0, MAX_NAME_LENGTH).toLowerCase())
    .replaceAll('#', ' sharp ')
    .replaceAll('+', ' plus ')
    .replace(/[^\p{L}\p{M}\p{N}_]+/gu, '-')
    .replace(/^-+|-+$/gu, '');
  return slug === '' ? `x-${createHash('sha256').update(name).digest('hex').slice(0, 8)}` : slug;
};

const TAG = /^#(?:[\p{L}\p{M}\p{N}\p{Extended_Pictographic}_/-]|\u200d|\ufe0f){1,100}$/u;

/**
 * A tag as it is kept: with its `#`, lower case, NFC, without a slash at its end. Undefined: it is none. As in notes, a
 * tag has something besides digits in it: `#12` is a number.
 */
export const normaliseTag = (written: string): string | undefined => {
  const tag = written.normalize('NFC').toLowerCase().normalize('NFC').replace(/\/+$/, '');
  return TAG.test(tag) && !/^#[\p{N}/_-]*$/u.test(tag) ? tag : undefined;
};
