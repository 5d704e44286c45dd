import { describe, expect, it } from 'vitest';
import type { EgressError } from '../egress/egress.ts';
import { RETRY_ON_TERM, verdictOfError, verdictOfStatus } from './response-rules.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('what a status means', () => {
  it('2xx is success', () => {
    for (const status of range(200, 300)) expect(verdictOfStatus(status)).toEqual({ kind: 'succeeded' });
  });

  it('3xx is a final failure: redirects are not followed', () => {
    for (const status of range(300, 400)) {
      expect(verdictOfStatus(status)).toMatchObject({
        kind: 'failed',
        code: `http_${status}`,
        disable: false,
      });
    }
  });

  it('4xx is final, but for 408, 425 and 429', () => {
    for (const status of range(400, 500)) {
      const kind = [408, 425, 429].includes(status) ? 'retryable' : 'failed';
      expect(verdictOfStatus(status)).toMatchObject({ kind, code: `http_${status}` });
    }
  });

  it('5xx is tried again', () => {
    for (const status of range(500, 600)) {
      expect(verdictOfStatus(status)).toMatchObject({ kind: 'retryable', code: `http_${status}` });
    }
  });

  it('what is no status of HTTP is a final failure', () => {
    for (const status of [0, 100, 600, 999]) expect(verdictOfStatus(status).kind).toBe('failed');
  });

  it('410 disables the endpoint, also where 4xx is to be tried again', () => {
    for (const retryOn of [undefined, ['4xx'], ['410']]) {
      expect(verdictOfStatus(410, retryOn)).toMatchObject({ kind: 'failed', disable: true });
    }
  });

  it.each([
    [['5xx'], 503, 'retryable'],
    [['5xx'], 408, 'failed'],
    [['5xx'], 425, 'failed'],
    [['5xx'], 429, 'failed'],
    [['4xx'], 404, 'retryable'],
    [['4xx'], 500, 'failed'],
    [['404'], 404, 'retryable'],
    [['404'], 400, 'failed'],
    [[], 500, 'failed'],
    [['5xx'], 200, 'succeeded'],
    [['5xx'], 302, 'failed'],
  ])('with retry.on %j, %i is %s', (retryOn, status, kind) => {
    expect(verdictOfStatus(status, retryOn).kind).toBe(kind);
  });

  it.each(['1xx', '3xx', '6xx', '200', '600', '5XX', 'timeouts', '', '50', '5xx '])(
    '%j is no term',
    (term) => {
      expect(RETRY_ON_TERM.test(term)).toBe(false);
    },
  );
});

describe('what no response means', () => {
  it.each<[EgressError['code'], string]>([
    ['timeout', 'retryable'],
    ['dns_not_found', 'retryable'],
    ['dns_failed', 'retryable'],
    ['connect_failed', 'retryable'],
    ['tls_failed', 'retryable'],
    ['reset', 'retryable'],
    ['protocol_error', 'retryable'],
    ['aborted', 'retryable'],
    ['bad_request', 'failed'],
    ['egress_denied', 'skipped'],
  ])('%s is %s', (code, kind) => {
    expect(verdictOfError({ code, message: 'why' })).toMatchObject({ kind, message: 'why' });
  });

  it('a connection error is tried again under the strict rule, a time-out only where it is named', () => {
    expect(verdictOfError({ code: 'reset', message: '' }, ['5xx']).kind).toBe('retryable');
    expect(verdictOfError({ code: 'timeout', message: '' }, ['5xx']).kind).toBe('failed');
    expect(verdictOfError({ code: 'timeout', message: '' }, ['5xx', 'timeout']).kind).toBe('retryable');
  });
});
