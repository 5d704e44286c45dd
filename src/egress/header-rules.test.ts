import { describe, expect, it } from 'vitest';
import { isCredentialHeader, problemOfHeaderName, problemOfHeaderValue } from './header-rules.ts';

describe('header names', () => {
  it.each(['X-Team', 'x_under', 'A', 'Forwarded', "!#$%&'*+-.^_`|~"])('%s may be given', (name) => {
    expect(problemOfHeaderName(name, false)).toBeUndefined();
  });

  it.each([
    '',
    'X A',
    'X:A',
    'X\r\nA',
    'Ü',
    '__proto__',
    'Host',
    'content-LENGTH',
    'Transfer-Encoding',
    'Connection',
    'Proxy-Authorization',
    'Webhook-Signature',
    'X-Crucible-Anything',
    'Traceparent',
    'a'.repeat(129),
  ])('%j may not, not even for auth', (name) => {
    expect(problemOfHeaderName(name, false)).toBeTypeOf('string');
    expect(problemOfHeaderName(name, true)).toBeTypeOf('string');
  });

  it.each(['Authorization', 'Cookie'])('%s is for auth', (name) => {
    expect(problemOfHeaderName(name, false)).toContain('auth');
    expect(problemOfHeaderName(name, true)).toBeUndefined();
  });

  it.each(['X-Api-Key', 'apikey', 'x-auth-token', 'X-Shared-Secret', 'x_password', 'X-Session', 'COOKIE'])(
    '%s carries a credential',
    (name) => {
      expect(isCredentialHeader(name)).toBe(true);
    },
  );

  it.each(['X-Team', 'X-Monkey', 'X-Tokenizer', 'Author', 'X-Request-Source'])('%s does not', (name) => {
    expect(isCredentialHeader(name)).toBe(false);
  });
});

describe('header values', () => {
  it.each(['a', 'a b', 'a\tb', '~!"#', 'x'.repeat(4_096)])('%j may be given', (value) => {
    expect(problemOfHeaderValue(value)).toBeUndefined();
  });

  it.each(['', ' a', 'a ', 'a\r\nX: y', 'a\nb', 'a\0b', 'ü', '\u007f', 'x'.repeat(4_097)])(
    '%j may not',
    (value) => {
      expect(problemOfHeaderValue(value)).toBeTypeOf('string');
    },
  );
});
