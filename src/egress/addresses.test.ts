import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, judgeAddress, parseAddress, parseRange } from './addresses.ts';
import type { AddressRange } from './addresses.ts';

const judge = (text: string, allow: readonly string[] = []) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  const ranges = allow
    .map((range) => parseRange(range))
    .filter((range): range is AddressRange => range !== undefined);
  expect(ranges).toHaveLength(allow.length);
  return judgeAddress(address, ranges);
};

describe('judgeAddress', () => {
  it.each([
    '0.0.0.0',
    '0.255.255.255',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.1.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.7',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    '169.254.170.2',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:808:808::1',
    '2001::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:1ff:ffff::1',
    '2001:db8::1',
    '3fff::1',
    '3fff:fff:ffff::',
    'fc00::1',
    'fdff:ffff::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    '5f00::1',
    '4000::1',
    '1fff:ffff::1',
    '100::1',
    'fd00:ec2::254',
    '2606:4700::5efe:10.0.0.1',
    '2606:4700::200:5efe:a00:1',
  ])('closes %s', (text) => {
    expect(judge(text)).toMatchObject({ open: false });
  });

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2000::1',
    '2001:200::1',
    '2001:4860:4860::8888',
    '2001:db7:ffff::1',
    '2001:db9::1',
    '2003::1',
    '2606:4700:4700::1111',
    '3ffe:ffff::1',
    '3fff:1000::1',
  ])('opens %s', (text) => {
    expect(judge(text)).toEqual({ open: true, byAllow: false });
  });

  it('opens what egress_allow holds, and that alone', () => {
    expect(judge('127.0.0.9', ['127.0.0.0/8'])).toEqual({ open: true, byAllow: true });
    expect(judge('::1', ['127.0.0.0/8'])).toMatchObject({ open: false, allowable: true });
    expect(judge('::ffff:127.0.0.1', ['127.0.0.0/8'])).toMatchObject({ open: false });
    expect(judge('10.1.2.3', ['10.1.2.3'])).toMatchObject({ open: true });
    expect(judge('10.1.2.4', ['10.1.2.3'])).toMatchObject({ open: false });
    expect(judge('::1', ['::1/128'])).toMatchObject({ open: true });
  });

  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '2002:a83f:8110::',
    '2001:0:0:0:0:0:5601:5601',
    'fe80::5efe:169.254.169.254',
    '2606:4700::200:5efe:a9fe:a9fe',
  ])('keeps metadata %s closed whatever is allowed', (text) => {
    expect(judge(text, ['0.0.0.0/0', '::/0'])).toMatchObject({ open: false, allowable: false });
  });
});

describe('parseAddress', () => {
  it.each([
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1.',
    '1.2.3.4.5',
    '256.1.1.1',
    '::1%lo',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    '[::1',
    '127.0.0.1/8',
    ' 1.1.1.1',
  ])('takes %j for no address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('reads every spelling of an IPv6 address alike', () => {
    const one = parseAddress('::ffff:127.0.0.1');
    for (const text of [
      '::FFFF:7f00:1',
      '0:0:0:0:0:ffff:127.0.0.1',
      '[::ffff:7F00:0001]',
      '0000:0000:0000:0000:0000:ffff:7f00:0001',
    ]) {
      expect(parseAddress(text)).toEqual(one);
    }
  });

  it('agrees with the URL parser on any IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(parseAddress(new URL(`http://[${text}]/`).hostname)).toEqual(parseAddress(text));
      }),
    );
  });
});

describe('parseRange', () => {
  it.each([
    '',
    '10.0.0.0/33',
    '::/129',
    '10/8',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/x',
    'localhost',
    '*',
  ])('refuses %j', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  it('holds exactly the addresses that share its prefix', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (base, other, bits) => {
        const range = parseRange(`${base}/${bits}`);
        const [a, b] = [parseAddress(base), parseAddress(other)];
        if (range === undefined || a === undefined || b === undefined) throw new Error('unreadable');
        const shift = BigInt(32 - bits);
        expect(contains(range, b)).toBe(a.value >> shift === b.value >> shift);
      }),
    );
  });
});
