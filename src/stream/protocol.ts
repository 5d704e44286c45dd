import { z } from 'zod';
import { CrucibleError, isCrucibleError, type Issue } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';

/** Of the messages below. A change that old clients cannot bear makes it 2, under another subprotocol. */
export const PROTOCOL = 1;

/** What a client may ask for as `Sec-WebSocket-Protocol`. */
export const SUBPROTOCOL = 'crucible.v1';

/** A browser cannot set headers, so its key may come as one more subprotocol: `crucible.key.<key>`. */
export const KEY_SUBPROTOCOL = 'crucible.key.';

/** Why the server closes (RFC 6455, section 7.4.1, and the registry of IANA). `ws` itself adds 1002, 1007 and 1009. */
export const CLOSE = {
  /** Binary messages. */
  unsupported: 1003,
  /** No credentials in time, bad ones, or they were revoked or have expired. */
  policy: 1008,
  tooLarge: 1009,
  /** The server stops or starts again: come back with the last position. */
  restart: 1012,
  /** The server is at its limit, or the log cannot be read now: come back later. */
  overload: 1013,
} as const;

export interface StreamLimits {
  /** Of a message of a client. */
  readonly maxMessageBytes: number;
  readonly maxSubscriptions: number;
  readonly maxConnections: number;
  /** How much may wait to be written to a client before it is read to from the log instead. */
  readonly maxBufferedBytes: number;
  /** For the first message, where the credentials did not come with the request. ms */
  readonly authTimeoutMs: number;
  /** Between two pings; who has said nothing for two of them is gone. ms */
  readonly heartbeatMs: number;
  /** After how much silence a connection is told how far it has come. ms */
  readonly checkpointMs: number;
}

export const DEFAULT_LIMITS: StreamLimits = {
  maxMessageBytes: 256 * 1024,
  maxSubscriptions: 100,
  maxConnections: 1_000,
  maxBufferedBytes: 1024 * 1024,
  authTimeoutMs: 5_000,
  heartbeatMs: 30_000,
  checkpointMs: 5_000,
};

const id = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters without spaces');
const world = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be the name of a world');

const messageSchema = z.discriminatedUnion(
  'action',
  [
    z.strictObject({ action: z.literal('auth'), key: z.string().min(1).max(16_384) }),
    z.strictObject({
      action: z.literal('subscribe'),
      id: id.exactOptional(),
      // What filters are is said by their own reader, with better words.
      filters: z.array(z.json()).min(1),
      after: z.int().min(0).exactOptional(),
      world: world.exactOptional(),
      epoch: z.string().min(1).max(200).exactOptional(),
    }),
    z
      .strictObject({
        action: z.literal('unsubscribe'),
        id: id.exactOptional(),
        filters: z.array(z.json()).min(1).exactOptional(),
      })
      .refine((message) => (message.id === undefined) !== (message.filters === undefined), {
        message: 'needs either the id or the filters of a subscription',
      }),
    z
      .strictObject({
        action: z.literal('result'),
        run_id: z.string().min(1).max(64),
        outputs: z.json().exactOptional(),
        error: z
          .strictObject({ message: z.string().min(1).max(2_000), retry: z.boolean().exactOptional() })
          .exactOptional(),
      })
      .refine((message) => (message.outputs === undefined) !== (message.error === undefined), {
        message: 'needs either outputs or an error',
      }),
    z.strictObject({ action: z.literal('ping') }),
    z.strictObject({ action: z.literal('pong') }),
  ],
  { error: 'must be one of auth, subscribe, unsubscribe, result, ping, pong' },
);

export type ClientMessage = z.output<typeof messageSchema>;
export type Subscribe = Extract<ClientMessage, { action: 'subscribe' }>;
export type Result = Extract<ClientMessage, { action: 'result' }>;
export type Unsubscribe = Extract<ClientMessage, { action: 'unsubscribe' }>;

/** How deep a message may be nested: filters are flat, and outputs may have half of it. */
const MAX_DEPTH = 64;

const isTooDeep = (value: unknown, left: number): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((inner) => isTooDeep(inner, left - 1));
};

/**
 * What a client says, or what is wrong with it.
 * @throws CrucibleError `malformed_request` (no JSON), `invalid` (no message of the protocol)
 */
export const parseMessage = (text: string): ClientMessage => {
  const hint = 'Send JSON such as {"action":"subscribe","filters":[{"event_type":"memory.*"}]}.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CrucibleError('malformed_request', 'The message is not JSON', { hint, cause });
  }
  if (isTooDeep(value, MAX_DEPTH))
    throw new CrucibleError('malformed_request', `The message is nested deeper than ${MAX_DEPTH} levels`);
  const parsed = messageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CrucibleError('invalid', 'The message is not one of the protocol', {
    hint,
    issues: parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
  });
};

/** What of a message an error names, so that a client knows which one it is about. Never a key. */
export const requestOf = (text: string): JsonObject | null => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { action, id, run_id: runId } = value as Readonly<Record<string, unknown>>;
    return {
      ...(typeof action === 'string' && { action: action.slice(0, 64) }),
      ...(typeof id === 'string' && { id: id.slice(0, 64) }),
      ...(typeof runId === 'string' && { run_id: runId.slice(0, 64) }),
    };
  } catch {
    return null;
  }
};

/** What the server says, apart from events, whose text is put together by `frames.ts`. */
export type ServerMessage =
  | {
      readonly type: 'hello';
      readonly protocol: number;
      /** Another one than before: the log was replaced, and positions of before mean nothing. null: it is empty. */
      readonly epoch: string | null;
      readonly head: number;
      readonly first_available: number;
      readonly heartbeat_ms: number;
    }
  | { readonly type: 'subscribed'; readonly id: string; readonly after: number }
  | { readonly type: 'caught_up'; readonly id: string; readonly position: number }
  | { readonly type: 'unsubscribed'; readonly id: string }
  | { readonly type: 'checkpoint'; readonly position: number }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | ErrorMessage;

interface ErrorMessage {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly errors?: readonly Issue[];
  readonly request: JsonObject | null;
}

/** The same fields as in a problem of the API. What we did not foresee is told as `internal`, without its words. */
export const errorMessage = (thrown: unknown, request: JsonObject | null): ErrorMessage => {
  const error = isCrucibleError(thrown)
    ? thrown
    : new CrucibleError('internal', 'Something failed on our side; the log has it');
  return {
    type: 'error',
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.issues.length === 0 ? {} : { errors: error.issues }),
    request,
  };
};
