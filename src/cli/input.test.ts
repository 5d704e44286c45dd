import { describe, expect, it } from 'vitest';
import { parseEvents } from './commands/events.ts';
import { documentId } from './commands/memory-import.ts';
import { decimal, given, jsonObject, time, timeAhead, wholeNumber } from './input.ts';

describe('what is typed', () => {
  it('numbers are digits', () => {
    expect([wholeNumber('0'), wholeNumber('12'), decimal('0.5'), decimal('-1')]).toEqual([0, 12, 0.5, -1]);
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1'])
      expect(() => wholeNumber(text)).toThrow('whole');
    for (const text of ['', ' ', 'NaN', 'Infinity', '1,5']) expect(() => decimal(text)).toThrow('number');
  });

  it('times have a zone, are dates, or ages', () => {
    expect(time('2026-11-24T10:30:00+02:00')).toBe('2026-11-24T08:30:00.000Z');
    expect(time('2026-11-24')).toBe('2026-11-24T00:00:00.000Z');
    expect(Date.parse(time('2h')) - Date.parse(time('1h'))).toBeLessThan(-3_590_000);
    for (const text of ['2026-11-24T10:30:00', '2026-13-01', '10:30', 'now', '7', '7y', '2026'])
      expect(() => time(text)).toThrow('It must be a time');
    expect(() => timeAhead('7d')).toThrow('It must be a time');
  });

  it('payloads are JSON objects', () => {
    expect(jsonObject('{"a": 1}')).toEqual({ a: 1 });
    for (const text of ['', '{', '[]', 'null', '1', '"a"'])
      expect(() => jsonObject(text)).toThrow('JSON object');
  });

  it('what is undefined is left out', () => {
    expect(Object.keys(given({ a: undefined, b: 0, c: null, d: '' }))).toEqual(['b', 'c', 'd']);
  });

  it('events come as lines, or as an array', () => {
    expect(parseEvents('{"a":1}\n\n{"a":2}\r\n', 'x')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(parseEvents(' [{"a":1}]', 'x')).toEqual([{ a: 1 }]);
    expect(() => parseEvents('{}\n\n{', 'x.jsonl')).toThrow('x.jsonl, line 3');
  });
});

describe('the id of an imported file', () => {
  it('is a UUID of version 7 that its time, name and text decide', () => {
    const id = documentId('a.md', 'text', 1_700_000_000_123.9);
    expect(id).toMatch(/^msg_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.slice(4, 17).replace('-', ''), 16)).toBe(1_700_000_000_123);
    expect(documentId('a.md', 'text', 1_700_000_000_123)).toBe(id);
    const others = [
      documentId('b.md', 'text', 1_700_000_000_123),
      documentId('a.md', 'texts', 1_700_000_000_123),
      documentId('a.md', 'text', 1_700_000_000_124),
    ];
    expect(new Set([id, ...others]).size).toBe(4);
    expect(documentId('a', '', -5)).toMatch(/^msg_00000000-0000-7/);
  });
});
