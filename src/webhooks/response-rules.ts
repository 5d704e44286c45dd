import type { EgressError } from '../egress/egress.ts';

/**
 * What an answer, or the lack of one, means for a delivery. Pure: the wire on one side, a word on the other.
 * `disable`: the receiver says that it is gone for good.
 */
export type Verdict =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'retryable'; readonly code: string; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly disable: boolean }
  | { readonly kind: 'skipped'; readonly reason: 'egress_denied'; readonly message: string };

/**
 * What is tried again unless `retry.on` says otherwise: besides 5xx, a request that the receiver waited for too long
 * (408), one that came too early (425), one too many (429), and no answer in time (`timeout`).
 */
export const DEFAULT_RETRY_ON: readonly string[] = ['5xx', '408', '425', '429', 'timeout'];

/** A term of `retry.on`: `4xx`, `5xx`, one status of those, or `timeout`. */
export const RETRY_ON_TERM = /^(?:[45]xx|[45]\d\d|timeout)$/;

/** Judges a status. 410 disables the endpoint, whatever `retryOn` says. */
export function verdictOfStatus(status: number, retryOn: readonly string[] = DEFAULT_RETRY_ON): Verdict {
  if (status >= 200 && status < 300) return { kind: 'succeeded' };
  const code = `http_${status}`;
  if (status === 410) {
    return { kind: 'failed', code, message: 'the receiver answered 410: it is gone for good', disable: true };
  }
  if (status >= 300 && status < 400) {
    return {
      kind: 'failed',
      code,
      message: `the receiver answered ${status}; redirects are not followed`,
      disable: false,
    };
  }
  const message = `the receiver answered ${status}`;
  if (retryOn.includes(String(status)) || retryOn.includes(`${Math.floor(status / 100)}xx`)) {
    return { kind: 'retryable', code, message };
  }
  return { kind: 'failed', code, message, disable: false };
}

/**
 * Judges a request that got no response. A connection that could not be made or did not hold is always tried again,
 * also one that looks permanent: certificates are renewed and names come back within the three days of the schedule.
 */
export function verdictOfError(
  error: Pick<EgressError, 'code' | 'message'>,
  retryOn: readonly string[] = DEFAULT_RETRY_ON,
): Verdict {
  const { code, message } = error;
  switch (code) {
    case 'egress_denied':
      return { kind: 'skipped', reason: code, message };
    case 'bad_request':
      return { kind: 'failed', code, message, disable: false };
    case 'timeout':
      return retryOn.includes('timeout')
        ? { kind: 'retryable', code, message }
        : { kind: 'failed', code, message, disable: false };
    case 'dns_not_found':
    case 'dns_failed':
    case 'connect_failed':
    case 'tls_failed':
    case 'reset':
    case 'protocol_error':
    case 'aborted':
      return { kind: 'retryable', code, message };
  }
}
