import { describe, expect, it } from 'vitest';
import { createGuard } from './guard.ts';
import type { EgressPolicy } from './egress.ts';

const closed: EgressPolicy = { allow: [], anyPortInAllowed: false };
const dev: EgressPolicy = { allow: ['127.0.0.0/8', '::1/128'], anyPortInAllowed: true };

describe('judgeUrl', () => {
  it.each([
    ['dotted', 'http://127.0.0.1/'],
    ['decimal', 'http://2130706433/'],
    ['hexadecimal', 'http://0x7f000001/'],
    ['hexadecimal parts', 'http://0x7f.0x0.0x0.0x1/'],
    ['octal', 'http://0177.0.0.1/'],
    ['octal whole', 'http://017700000001/'],
    ['short', 'http://127.1/'],
    ['shorter', 'http://127.0.1/'],
    ['nought', 'http://0/'],
    ['trailing dot', 'http://127.0.0.1./'],
    ['percent-encoded', 'http://%31%32%37.0.0.1/'],
    ['full-width digits', 'http://127.0.0.1/'],
    ['ideographic dots', 'http://127。0。0。1/'],
    ['circled digits', 'http://①②⑦.⓪.⓪.①/'],
    ['upper-case scheme', 'HTTP://127.0.0.1/'],
    ['IPv6 loopback', 'http://[::1]/'],
    ['IPv6 long', 'http://[0:0:0:0:0:0:0:1]/'],
    ['IPv6 unspecified', 'http://[::]/'],
    ['mapped', 'http://[::ffff:127.0.0.1]/'],
    ['mapped hexadecimal', 'http://[::FFFF:7F00:1]/'],
    ['compatible', 'http://[::127.0.0.1]/'],
    ['NAT64', 'http://[64:ff9b::7f00:1]/'],
    ['6to4', 'http://[2002:7f00:1::]/'],
    ['unique local', 'http://[fd00::1]/'],
    ['link-local', 'http://[fe80::1]/'],
    ['zone id', 'http://[fe80::1%25eth0]/'],
    ['private', 'https://10.0.0.5/hook'],
    ['metadata', 'http://169.254.169.254/latest/meta-data'],
    ['metadata decimal', 'http://2852039166/'],
    ['Azure', 'http://168.63.129.16/'],
    ['user name', 'http://alice@example.com/'],
    ['user and password', 'http://alice:secret@example.com/'],
    ['host behind userinfo', 'http://example.com@127.0.0.1/'],
    ['backslash', 'http://example.com\\@127.0.0.1/'],
    ['redis', 'http://example.com:6379/'],
    ['ssh', 'http://example.com:22/'],
    ['smtp', 'http://example.com:25/'],
    ['docker', 'http://example.com:2375/'],
    ['port nought', 'http://example.com:0/'],
    ['port too large', 'http://example.com:65536/'],
    ['ftp', 'ftp://example.com/'],
    ['file', 'file:///etc/passwd'],
    ['data', 'data:text/plain,hi'],
    ['unix socket', 'unix:/var/run/docker.sock'],
    ['gopher', 'gopher://example.com/'],
    ['javascript', 'javascript:alert(1)'],
    ['no scheme', 'example.com/hook'],
    ['scheme-relative', '//example.com/hook'],
    ['empty', ''],
    ['tab in host', 'http://127.0.\t0.1/'],
    ['line break', 'http://example.com/\r\nHost: evil'],
    ['leading space', ' http://example.com/'],
    ['NUL', 'http://example.com/\u0000'],
    ['no host', 'http:///'],
    ['localhost', 'http://localhost/'],
    ['localhost, rooted', 'http://LocalHost./'],
    ['below localhost', 'http://a.localhost:8080/'],
  ])('refuses %s: %j', (_form, url) => {
    const judged = createGuard(closed).judgeUrl(url);
    expect(judged.ok).toBe(false);
    expect(JSON.stringify(judged)).not.toContain('secret');
  });

  it.each([
    ['http://example.com/', 80],
    ['https://example.com/a?b=c', 443],
    ['https://example.com:8443/', 8443],
    ['http://EXAMPLE.com./', 80],
    ['https://bücher.example/', 443],
    ['http://1.1.1.1/', 80],
    ['https://[2606:4700:4700::1111]/', 443],
  ])('lets %s pass', (url, port) => {
    expect(createGuard(closed).judgeUrl(url)).toMatchObject({ ok: true, value: { port } });
  });

  it('opens allowed ranges on any port where the policy says so, and the world no wider', () => {
    const guard = createGuard(dev);
    expect(guard.judgeUrl('http://127.0.0.1:6379/').ok).toBe(true);
    expect(guard.judgeUrl('http://[::1]:22/').ok).toBe(true);
    expect(guard.judgeUrl('http://localhost:22/').ok).toBe(true);
    expect(guard.judgeUrl('http://1.1.1.1:6379/').ok).toBe(false);
    expect(guard.judgeUrl('http://10.0.0.1/').ok).toBe(false);
    expect(createGuard({ ...dev, anyPortInAllowed: false }).judgeUrl('http://127.0.0.1:6379/').ok).toBe(
      false,
    );
  });

  it('takes the ports of the policy instead of its own', () => {
    const guard = createGuard({ ...closed, ports: [443] });
    expect(guard.judgeUrl('https://example.com/').ok).toBe(true);
    expect(guard.judgeUrl('http://example.com/').ok).toBe(false);
    expect(guard.judgeUrl('http://example.com:8080/').ok).toBe(false);
  });
});

describe('judgeAddresses', () => {
  const guard = createGuard({ allow: ['127.0.0.0/8'], anyPortInAllowed: true });

  it('refuses a name with one private address among public ones', () => {
    expect(guard.judgeAddresses('mixed.example', 80, ['1.1.1.1', '10.0.0.1'])).toMatchObject({
      ok: false,
      reason: 'mixed.example resolves to 10.0.0.1, which is a private address',
    });
  });

  it('keeps the open address of localhost, whose two addresses are one place', () => {
    expect(guard.judgeAddresses('localhost', 3000, ['::1', '127.0.0.1'])).toEqual({
      ok: true,
      value: ['127.0.0.1'],
    });
    expect(createGuard(closed).judgeAddresses('localhost', 80, ['::1', '127.0.0.1']).ok).toBe(false);
  });

  it('checks the port again for each address', () => {
    expect(guard.judgeAddresses('a.example', 6379, ['127.0.0.1']).ok).toBe(true);
    expect(guard.judgeAddresses('a.example', 6379, ['1.1.1.1']).ok).toBe(false);
  });

  it('refuses what a resolver should not say', () => {
    for (const answer of ['fe80::1%eth0', '::ffff:127.0.0.1', '', 'localhost']) {
      expect(guard.judgeAddresses('odd.example', 80, [answer]).ok).toBe(false);
    }
  });
});

it('tells everything that is wrong with a policy', () => {
  expect(() =>
    createGuard({ allow: ['127.0.0.0/8', 'all', '10/8'], anyPortInAllowed: false, ports: [0, 80] }),
  ).toThrow(
    expect.objectContaining({
      code: 'config_invalid',
      issues: [
        expect.objectContaining({ path: 'egress_allow.1' }),
        expect.objectContaining({ path: 'egress_allow.2' }),
        expect.objectContaining({ path: 'egress_ports.0' }),
      ],
    }),
  );
});
