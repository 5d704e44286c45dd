import type { Dispatcher } from 'undici';
import { codingsOf, createBodySink } from './body.ts';
import type { BodySink } from './body.ts';
import { EgressError } from './egress.ts';
import type { EgressResponse } from './egress.ts';
import { exchangeFailure, timedOut } from './failures.ts';

interface ExchangeOptions {
  readonly hostname: string;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** A clock that only goes forward, ms. */
  readonly monotonicMs: () => number;
}

export interface Exchange {
  readonly handler: Dispatcher.DispatchHandler;
  readonly response: Promise<EgressResponse>;
  /** Ends it with this error, in whatever state it is. Does nothing once it has ended. */
  cancel(error: EgressError): void;
}

/** Longer than any timer of Node can be. */
const MAX_TIMER_MS = 2_147_483_647;

const flatten = (headers: Record<string, string | string[] | undefined>): Record<string, string> => {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === '__proto__') continue;
    flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
};

/**
 * One request and its answer. States: queued -> sent -> headers -> ended. The deadline counts from the start and ends
 * it in every state; the promise settles at once, also where undici still holds a queued request (that one is dropped
 * when its turn comes).
 */
export const createExchange = (options: ExchangeOptions): Exchange => {
  const { promise, resolve, reject } = Promise.withResolvers<EgressResponse>();
  const startedAt = options.monotonicMs();
  const elapsed = (): number => Math.max(0, Math.round(options.monotonicMs() - startedAt));

  let phase: 'queued' | 'sent' | 'headers' = 'queued';
  let ended: EgressError | 'answered' | undefined;
  let controller: Dispatcher.DispatchController | undefined;
  let sink: BodySink | undefined;
  let head: { status: number; headers: Record<string, string> } | undefined;
  let connectMs: number | undefined;
  let headersMs: number | undefined;

  const fail = (error: EgressError): void => {
    if (ended !== undefined) return;
    ended = error;
    clearTimeout(timer);
    sink?.destroy();
    reject(error);
    controller?.abort(error);
  };

  const answer = (body: Buffer, truncated: boolean): void => {
    if (ended !== undefined || head === undefined) return;
    ended = 'answered';
    clearTimeout(timer);
    resolve({
      status: head.status,
      headers: head.headers,
      // A character that the cut went through is dropped, not replaced.
      body: new TextDecoder().decode(body, { stream: truncated }),
      truncated,
      durationMs: elapsed(),
      timings: {
        ...(connectMs === undefined ? {} : { connectMs }),
        ...(headersMs === undefined ? {} : { headersMs }),
      },
    });
  };

  const timer = setTimeout(
    () => {
      const where = {
        queued: 'waiting for a connection',
        sent: 'waiting for headers',
        headers: 'reading the body',
      };
      fail(timedOut(options.timeoutMs, where[phase]));
    },
    Math.min(Math.ceil(options.timeoutMs), MAX_TIMER_MS),
  );

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (ended instanceof EgressError) {
        started.abort(ended);
        return;
      }
      phase = 'sent';
      connectMs = elapsed();
    },
    onResponseStart(started, status, headers) {
      // 100 Continue and 103 Early Hints are not the answer.
      if (status < 200) return;
      phase = 'headers';
      headersMs = elapsed();
      head = { status, headers: flatten(headers) };
      const codings = codingsOf(head.headers['content-encoding']);
      if (codings === undefined) {
        const message = `${options.hostname} sent a content-encoding that is not known here`;
        fail(new EgressError('protocol_error', message, { final: false, ours: false }));
        return;
      }
      sink = createBodySink(codings, options.maxResponseBytes, {
        full(body) {
          answer(body, true);
          // The rest may be endless: the connection goes with it.
          started.abort(
            new EgressError('aborted', 'enough of the body was read', { final: false, ours: true }),
          );
        },
        ended: (body) => answer(body, false),
        failed(cause) {
          const message = `${options.hostname} sent a body that is not in its content-encoding`;
          fail(new EgressError('protocol_error', message, { final: false, ours: false, cause }));
        },
        pressure: (high) => (high ? started.pause() : started.resume()),
      });
    },
    onResponseData: (_started, chunk) => sink?.write(chunk),
    onResponseEnd: () => sink?.end(),
    onResponseError: (_started, error) => fail(exchangeFailure(options.hostname, error)),
  };

  return { handler, response: promise, cancel: fail };
};
