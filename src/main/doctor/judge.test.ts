import { expect, test } from 'vitest';
import { judgeClock, judgeDisk, judgeEgress, judgeMode, judgeNode } from './judge.ts';

const MIB = 1024 * 1024;

test('Node is 24 or newer', () => {
  expect(['v24.0.0', 'v25.1.0', 'v100.0.0'].map((each) => judgeNode(each).state)).toEqual(['ok', 'ok', 'ok']);
  expect(['v23.9.9', 'v20.20.2', ''].map((each) => judgeNode(each).state)).toEqual(['fail', 'fail', 'fail']);
});

test('a disk is full under 16 MiB, and nearly so under 1 GiB', () => {
  const states = [16 * MIB - 1, 16 * MIB, 1024 * MIB - 1, 1024 * MIB].map((bytes) => judgeDisk(bytes).state);
  expect(states).toEqual(['fail', 'warn', 'warn', 'ok']);
});

test('a clock may not lie before the release, nor a minute before what it has written', () => {
  const built = Date.parse('2026-11-01');
  const now = Date.parse('2026-11-24');
  expect(judgeClock(now, now - 1_000, built).state).toBe('ok');
  expect(judgeClock(now, now + 30_000, built).state).toBe('ok');
  expect(judgeClock(now, now + 61_000, built)).toMatchObject({
    state: 'fail',
    mend: expect.stringContaining('NTP'),
  });
  expect(judgeClock(Date.parse('1970-01-02'), 0, built).state).toBe('fail');
});

test('the data is nobody else to read', () => {
  expect(judgeMode('/d', 0o40700).state).toBe('ok');
  expect(judgeMode('/d', 0o40755)).toMatchObject({ state: 'warn', mend: 'chmod 700 /d' });
});

test('a range that opens everything is worth a word', () => {
  expect(judgeEgress(['10.0.0.0/8'], true).state).toBe('ok');
  expect(judgeEgress(['10.0.0.0/8', '::/0'], true).state).toBe('warn');
  expect(judgeEgress([], false).state).toBe('warn');
});
