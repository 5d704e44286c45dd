import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { parseJson, textOf } from './json-body.ts';

const refusal = (text: string): unknown => {
  try {
    parseJson(text);
  } catch (error) {
    if (isCrucibleError(error)) return { code: error.code, paths: error.issues.map((issue) => issue.path) };
    throw error;
  }
  return 'accepted';
};

describe('parseJson', () => {
  test('gives what JSON.parse gives, for any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        fc.pre(!text.includes('__proto__') && !/\\u(0000|[dD][89a-fA-F])/.test(text));
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['half an object', '{"a":'],
    ['a trailing comma', '[1,]'],
    ['NaN', 'NaN'],
    ['a raw control character', '"\u0001"'],
    ['two values', '1 2'],
    ['a byte order mark', '\uFEFF{}'],
  ])('%s is malformed', (_name, text) => {
    expect(refusal(text)).toMatchObject({ code: 'malformed_request' });
  });

  test('64 levels pass, 65 and 100,000 do not', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(refusal(nested(64))).toBe('accepted');
    expect(refusal(nested(65))).toMatchObject({ code: 'malformed_request' });
    expect(refusal(nested(100_000))).toMatchObject({ code: 'malformed_request' });
    expect(refusal('{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000))).toMatchObject({
      code: 'malformed_request',
    });
  });

  test.each([
    ['9007199254740991', true],
    ['9007199254740992', true],
    ['9007199254740993', false],
    ['-9007199254740993', false],
    ['12345678901234567890', false],
    ['100000000000000000000', true],
    ['1e300', true],
    ['1.5e300', true],
    ['1e400', false],
    ['-1e400', false],
    ['9007199254740993.0', false],
    ['90071992547409920e-1', true],
    ['0.1', true],
  ])('%s is exact: %s', (number, exact) => {
    expect(refusal(`{"a":[1,{"n":${number}}]}`)).toEqual(
      exact ? 'accepted' : { code: 'invalid', paths: ['a.1.n'] },
    );
  });

  test('each inexact number is named, and no exact one', () => {
    const text =
      '{"b":9007199254740993,"1":9007199254740994,"c":[1e400,9007199254740992],"b":9007199254740995}';
    expect(refusal(text)).toEqual({ code: 'invalid', paths: ['b', 'c.0'] });
  });

  test.each([
    ['a NUL', '{"a":"x\\u0000"}', 'a'],
    ['a high surrogate alone', '{"a":["\\ud83d"]}', 'a.0'],
    ['a low surrogate alone', '{"a":{"b":"\\uDE00x"}}', 'a.b'],
    ['a key with half a pair', '{"a":{"\\ud83d":1}}', 'a'],
    ['__proto__', '{"a":{"__proto__":{"x":1}}}', 'a.__proto__'],
    ['__proto__ by escapes', '{"\\u005f_proto__":1}', '__proto__'],
  ])('%s is refused, with its place', (_name, text, path) => {
    expect(refusal(text)).toEqual({ code: 'invalid', paths: [path] });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('whole pairs, other escapes and constructor keys pass', () => {
    expect(parseJson('{"a":"\\ud83d\\ude00","constructor":{"prototype":1},"t":"\\u0009__proto__"}')).toEqual({
      a: '😀',
      constructor: { prototype: 1 },
      t: '\t__proto__',
    });
  });

  test('bytes that are not UTF-8 are malformed', () => {
    expect(() => textOf(Buffer.from([0x22, 0xed, 0xa0, 0xbd, 0x22]))).toThrow(/UTF-8/);
    expect(textOf(Buffer.from('"é"'))).toBe('"é"');
  });

  test('a number of a megabyte costs what reading it costs, whatever its digits', () => {
    const zeros = '0'.repeat(1_000_000);
    const texts = [`[9007199254740993.${zeros}1]`, `[9007199254740992.${zeros}]`, `[1${zeros}]`];
    const startedAt = process.cpuUsage();
    expect(texts.map(refusal)).toEqual([
      { code: 'invalid', paths: ['0'] },
      'accepted',
      { code: 'invalid', paths: ['0'] },
    ]);
    // Processor time, three orders of magnitude away from what it is and from what a quadratic search takes.
    expect(process.cpuUsage(startedAt).user).toBeLessThan(10_000_000);
  });
});
