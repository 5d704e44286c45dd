import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signCrucible, signStandard, standardKey } from './sign.ts';
import { newSigningSecret } from './signing-secret.ts';
import { verifyCrucible, verifyStandard, WebhookVerificationError } from './verify.ts';

const NOW = 1_614_265_330_000;
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const headers = (changes: Record<string, string | undefined> = {}) => ({
  'webhook-id': VECTOR.id,
  'webhook-timestamp': String(VECTOR.timestamp),
  'webhook-signature': VECTOR.signature,
  ...changes,
});

const check = (changes: Partial<Parameters<typeof verifyStandard>[0]> = {}) =>
  verifyStandard({
    headers: headers(),
    body: VECTOR.body,
    secret: VECTOR.secret,
    now: () => NOW,
    ...changes,
  });

const problemOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof WebhookVerificationError ? error.code : `not ours: ${String(error)}`;
  }
  return 'accepted';
};

describe('Standard Webhooks signatures', () => {
  it('are those of the published vector', () => {
    const { secret, id, timestamp, body, signature } = VECTOR;
    expect(signStandard({ id, timestamp, body, keys: [standardKey(secret)] })).toBe(signature);
    expect(check()).toEqual({ id, timestamp: new Date(NOW) });
  });

  it('are accepted by the official library, and the other way round, whatever the body', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uuid(), (text, id) => {
        const secret = newSigningSecret();
        const body = JSON.stringify({ text });
        const timestamp = Math.floor(Date.now() / 1000);
        const ours = signStandard({ id, timestamp, body, keys: [standardKey(secret)] });
        const official = new Webhook(secret);
        const sent = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': ours };
        expect(official.verify(body, sent)).toEqual({ text });
        expect(official.sign(id, new Date(timestamp * 1000), body)).toBe(ours);
        expect(verifyStandard({ headers: sent, body: Buffer.from(body), secret }).id).toBe(id);
      }),
      { numRuns: 50 },
    );
  });

  it('are made with the old and the new secret while one is replaced, and either is enough', () => {
    const [before, after] = [newSigningSecret(), newSigningSecret()];
    const both = signStandard({
      id: 'msg_1',
      timestamp: VECTOR.timestamp,
      body: 'b',
      keys: [after, before].map(standardKey),
    });
    expect(both.split(' ')).toHaveLength(2);
    const sent = headers({ 'webhook-id': 'msg_1', 'webhook-signature': both });
    for (const secret of [before, after])
      expect(check({ headers: sent, body: 'b', secret }).id).toBe('msg_1');
    const onlyOld = signStandard({
      id: 'msg_1',
      timestamp: VECTOR.timestamp,
      body: 'b',
      keys: [standardKey(before)],
    });
    const changing = headers({ 'webhook-id': 'msg_1', 'webhook-signature': onlyOld });
    expect(check({ headers: changing, body: 'b', secret: [after, before] }).id).toBe('msg_1');
  });

  it('are found beside other versions, in fetch headers and in any spelling', () => {
    const mixed = headers({ 'webhook-signature': `v1a,abc= ${VECTOR.signature} v2,x` });
    expect(check({ headers: mixed }).id).toBe(VECTOR.id);
    expect(check({ headers: new Headers(headers()) }).id).toBe(VECTOR.id);
    const shouting = Object.fromEntries(Object.entries(headers()).map(([k, v]) => [k.toUpperCase(), v]));
    expect(check({ headers: shouting }).id).toBe(VECTOR.id);
  });

  it.each([
    ['a changed byte', { body: '{"test": 2432232315}' }, 'no_match'],
    ['an added byte', { body: `${VECTOR.body} ` }, 'no_match'],
    ['another id', { headers: headers({ 'webhook-id': 'msg_other' }) }, 'no_match'],
    ['another time', { headers: headers({ 'webhook-timestamp': '1614265331' }) }, 'no_match'],
    ['another secret', { secret: newSigningSecret() }, 'no_match'],
    ['no secret', { secret: [] }, 'bad_secret'],
    ['an empty secret', { secret: '' }, 'bad_secret'],
    ['a secret that is not base64', { secret: 'whsec_???' }, 'bad_secret'],
    ['301 seconds late', { now: () => NOW + 301_000 }, 'timestamp_too_old'],
    ['301 seconds early', { now: () => NOW - 301_000 }, 'timestamp_too_new'],
    ['v1, alone', { headers: headers({ 'webhook-signature': 'v1,' }) }, 'bad_signature'],
    ['a signature cut short', { headers: headers({ 'webhook-signature': 'v1,g0hM9SsE' }) }, 'bad_signature'],
    [
      'a longer signature',
      { headers: headers({ 'webhook-signature': `${VECTOR.signature}AAAA` }) },
      'bad_signature',
    ],
    ['no version', { headers: headers({ 'webhook-signature': VECTOR.signature.slice(3) }) }, 'bad_signature'],
    ['an empty signature', { headers: headers({ 'webhook-signature': '' }) }, 'missing_header'],
    ['no id', { headers: headers({ 'webhook-id': undefined }) }, 'missing_header'],
    ['no time', { headers: headers({ 'webhook-timestamp': undefined }) }, 'missing_header'],
    ['a time in words', { headers: headers({ 'webhook-timestamp': 'now' }) }, 'bad_timestamp'],
    [
      'a time with a fraction',
      { headers: headers({ 'webhook-timestamp': '1614265330.5' }) },
      'bad_timestamp',
    ],
    ['a time with a tail', { headers: headers({ 'webhook-timestamp': '1614265330x' }) }, 'bad_timestamp'],
  ])('refuse %s', (_name, changes, problem) => {
    expect(problemOf(() => check(changes))).toBe(problem);
  });

  it.each([300_000, -300_000, 0])('accept a clock that is %i ms off', (offset) => {
    expect(check({ now: () => NOW + offset }).id).toBe(VECTOR.id);
  });
});

describe('X-Crucible-Signature', () => {
  const secret = randomBytes(16).toString('hex');
  const body = '{"größe":1}';
  const good = signCrucible(body, secret);

  it('is sha256= and the hex HMAC of the raw body', () => {
    expect(signCrucible('what do ya want for nothing?', 'Jefe')).toBe(
      'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', // RFC 4231, test case 2
    );
    expect(problemOf(() => verifyCrucible({ headers: { 'X-Crucible-Signature': good }, body, secret }))).toBe(
      'accepted',
    );
  });

  it.each([
    ['a changed body', good, '{}', secret, 'no_match'],
    ['another secret', good, body, 'another', 'no_match'],
    ['no prefix', good.slice(7), body, secret, 'bad_signature'],
    ['a short one', 'sha256=abcd', body, secret, 'bad_signature'],
    ['a prefix alone', 'sha256=', body, secret, 'bad_signature'],
    ['nothing', '', body, secret, 'missing_header'],
    ['an empty secret', good, body, '', 'bad_secret'],
  ])('refuses %s', (_name, value, sent, key, problem) => {
    const work = () =>
      verifyCrucible({ headers: { 'x-crucible-signature': value }, body: sent, secret: key });
    expect(problemOf(work)).toBe(problem);
  });
});
