import { createTRPCClient, httpLink, TRPCClientError } from '@trpc/client';
import type { TRPCClient } from '@trpc/client';
import type { AppRouter } from '../../router/router.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { ErrorCode, Issue } from '../kernel/errors.ts';
import type { ClientOptions } from './options.ts';
import { streamEvents, type StreamOptions } from './stream.ts';

/** The API as typed calls: `client.events.publish.mutate({ type, payload })`. */
export type CrucibleClient = TRPCClient<AppRouter> & {
  /** The events that match, as they happen: `for await (const event of client.stream({ filters, after: 0 })) …` */
  stream(options: StreamOptions): AsyncGenerator<CrucibleEvent, void, void>;
};

/** What {@link callHeaders} turns into headers of one call. */
export interface CallOptions {
  /** The same key and input give the same answer, and take effect once. */
  readonly idempotencyKey?: string;
  /** The story that the call belongs to. */
  readonly correlationId?: string;
  /** The event that led to the call. */
  readonly causationId?: string;
}

/** The context of one call: `client.events.publish.mutate(input, { context: callHeaders({ idempotencyKey }) })`. */
export const callHeaders = (
  options: CallOptions,
): { readonly headers: Readonly<Record<string, string>> } => ({
  headers: {
    ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
    ...(options.correlationId === undefined ? {} : { 'x-correlation-id': options.correlationId }),
    ...(options.causationId === undefined ? {} : { 'x-crucible-causation-id': options.causationId }),
  },
});

const headersOf = (context: Readonly<Record<string, unknown>>): Record<string, string> => {
  const { headers } = context;
  return typeof headers === 'object' && headers !== null ? { ...(headers as Record<string, string>) } : {};
};

/**
 * The typed client. One call is one request (`httpLink`, no batching), so that a key or a cause belongs to exactly one
 * call; reads go as POST too, so that long filters need not fit into a URL.
 */
export const createClient = (options: ClientOptions): CrucibleClient => {
  const calls = createTRPCClient<AppRouter>({
    links: [
      httpLink({
        url: `${options.url.replace(/\/+$/, '')}/trpc`,
        methodOverride: 'POST',
        headers: ({ op }) => ({
          authorization: `Bearer ${options.key}`,
          ...(options.world === undefined ? {} : { 'x-crucible-world': options.world }),
          ...headersOf(op.context),
        }),
      }),
    ],
  });
  const stream: CrucibleClient['stream'] = (asked) => streamEvents(options, asked);
  // What tRPC gives makes up its fields when they are asked for: nothing can be added to it.
  return new Proxy(calls, {
    get: (target, name): unknown => (name === 'stream' ? stream : Reflect.get(target, name)),
  }) as CrucibleClient;
};

/** An error of the API, as a client sees it. */
export interface ApiError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly errors?: readonly Issue[];
  readonly requestId?: string;
}

/** What the server said is wrong; undefined when it said nothing (it could not be reached, or is none of ours). */
export const apiErrorOf = (thrown: unknown): ApiError | undefined => {
  if (!(thrown instanceof TRPCClientError)) return undefined;
  const error = thrown as TRPCClientError<AppRouter>;
  if (error.data === undefined || error.data === null) return undefined;
  const { code, hint, errors, request_id } = error.data;
  return {
    code,
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
    ...(request_id === undefined ? {} : { requestId: request_id }),
  };
};
