import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { createSecretBox } from './secret-box.ts';

const box = createSecretBox(randomBytes(32));

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return isCrucibleError(error) ? error.code : `not ours: ${String(error)}`;
  }
  return 'nothing thrown';
};

describe('the secret box', () => {
  it('opens what it sealed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, owner) => {
        expect(box.open(box.seal(text, owner), owner)).toBe(text);
      }),
    );
  });

  it('never seals the same text to the same bytes, and never shows it', () => {
    const sealed = box.seal('whsec_hello', 'whk_1');
    expect(sealed).not.toBe(box.seal('whsec_hello', 'whk_1'));
    expect(sealed).not.toContain('hello');
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('hello');
  });

  it('opens for its owner only', () => {
    const sealed = box.seal('s', 'whk_1');
    expect(codeOf(() => box.open(sealed, 'whk_2'))).toBe('config_invalid');
  });

  it('opens with its key only, and says how to mend it', () => {
    const sealed = box.seal('s', 'whk_1');
    const other = createSecretBox(randomBytes(32));
    expect(() => other.open(sealed, 'whk_1')).toThrow(/encryption key is not the one/);
    expect(codeOf(() => other.open(sealed, 'whk_1'))).toBe('config_invalid');
  });

  it('notices every changed bit', () => {
    const [version, nonce = '', text = ''] = box.seal('secret', 'whk_1').split('.');
    const flipped = (part: string): readonly string[] => {
      const bytes = Buffer.from(part, 'base64url');
      return Array.from({ length: bytes.length * 8 }, (_, bit) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        return copy.toString('base64url');
      });
    };
    const altered = [
      ...flipped(nonce).map((other) => `${version}.${other}.${text}`),
      ...flipped(text).map((other) => `${version}.${nonce}.${other}`),
    ];
    expect(new Set(altered.map((sealed) => codeOf(() => box.open(sealed, 'whk_1'))))).toEqual(
      new Set(['config_invalid']),
    );
    expect(altered).toHaveLength((12 + 6 + 16) * 8);
  });

  it.each(['', 'v1', 'v1..', 'v1.AAAA.AAAA', 'v2.a.b', 'v1.a.b.c', 'plain text'])('refuses %j', (sealed) => {
    expect(codeOf(() => box.open(sealed, 'whk_1'))).toBe('config_invalid');
  });

  it.each([0, 16, 31, 33])('refuses a key of %i bytes', (length) => {
    expect(codeOf(() => createSecretBox(randomBytes(length)))).toBe('config_invalid');
  });
});
