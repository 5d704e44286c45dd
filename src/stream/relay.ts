import { WebSocket } from 'ws';
import { CrucibleError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import { CLOSE } from './protocol.ts';
import type { Outlet } from './session.ts';

/** Who is connected, for whom another server does the talking. */
interface Relayed {
  /** The `Authorization` that was good here. */
  readonly authorization: string;
  /** The `X-Crucible-World` of the request. */
  readonly world: string | undefined;
  readonly channel: Outlet & {
    /** Nothing is read from the client until `resume`. */
    pause(): void;
    resume(): void;
  };
  /** The other server has ended it, with this close code; or could not be reached, for that reason. */
  readonly onEnd: (end: {
    readonly code: number;
    readonly reason: string;
    readonly error?: CrucibleError;
  }) => void;
}

export interface RelayLine {
  /** What the client says. */
  send(text: string): void;
  /** Waits to be written to the other server. */
  buffered(): number;
  close(): void;
}

/** Has another server do the talking with a client. */
export type Relay = (relayed: Relayed) => RelayLine;

const CONNECT_TIMEOUT_MS = 5_000;
/** Close codes that a client may be given as they came (RFC 6455, 7.4): not those that say that there was none. */
const isTellable = (code: number): boolean =>
  code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);

const unreachable = (cause?: unknown): CrucibleError =>
  new CrucibleError('log_unavailable', 'The server that takes the connections of agents cannot be reached', {
    hint: 'Connect again.',
    retryAfterMs: 1_000,
    cause,
  });

const REFUSALS: Readonly<Record<number, ErrorCode>> = { 401: 'unauthenticated', 403: 'forbidden' };

/**
 * Relays to the stream of the server that writes, which alone knows which agent has which action.
 *
 *     connecting (nothing is read from the client) --> open --either side ends--> over
 *     connecting --refused, or no answer in time--> over
 *
 * Guarantee: messages are passed on as they are, in order, both ways. What the client does not read is not read from the
 * other server either.
 */
export const createRelay =
  (upstream: {
    /** Of the stream there: `http:`. */
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    /** How much may wait to be written to a client before no more is read for it. Bytes. */
    readonly maxBufferedBytes: number;
    readonly maxMessageBytes: number;
  }): Relay =>
  ({ authorization, world, channel, onEnd }) => {
    const ws = new WebSocket(upstream.url.replace(/^http/, 'ws'), {
      headers: {
        ...upstream.headers,
        authorization,
        ...(world !== undefined && { 'x-crucible-world': world }),
      },
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      // An event may be larger than what clients may send.
      maxPayload: 64 * upstream.maxMessageBytes,
    });
    let over = false;
    let opened = false;
    const end = (...how: Parameters<typeof onEnd>): void => {
      if (over) return;
      over = true;
      if (!opened) channel.resume();
      ws.terminate();
      onEnd(...how);
    };
    const refused = (error: CrucibleError, code: number): void => end({ code, reason: error.message, error });

    channel.pause();
    ws.on('open', () => {
      opened = true;
      if (!over) channel.resume();
    });
    ws.on('unexpected-response', (_request, { statusCode = 0 }) => {
      const code = REFUSALS[statusCode];
      if (code === undefined) refused(unreachable(), CLOSE.overload);
      else refused(new CrucibleError(code, 'The credentials are not valid any more'), CLOSE.policy);
    });
    ws.on('error', (cause) => refused(unreachable(cause), CLOSE.overload));
    ws.on('close', (code, reason) => {
      if (isTellable(code)) end({ code, reason: reason.toString() });
      else refused(unreachable(), CLOSE.overload);
    });
    ws.on('message', (data) => {
      if (over) return;
      // With the default `binaryType` it is a Buffer.
      channel.send((data as Buffer).toString());
      if (channel.buffered() <= upstream.maxBufferedBytes) return;
      ws.pause();
      void channel.drained().then(() => ws.resume());
    });

    return {
      send(text) {
        // Nothing is read from the client before it is open, but for what was on its way.
        if (opened) ws.send(text, { binary: false });
        else ws.once('open', () => ws.send(text, { binary: false }));
      },
      buffered: () => ws.bufferedAmount,
      close() {
        if (over) return;
        over = true;
        // Its answer to the end must be read.
        if (!opened) channel.resume();
        // Before it is open that would be an error, of which nobody is told any more.
        if (opened) ws.close(1000);
        else ws.terminate();
      },
    };
  };
