import type { CrucibleEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import type { ClientOptions } from './options.ts';
import { StreamError } from './stream-error.ts';

/** What one connection brings, in order: events, and positions up to which everything has been looked at. */
type StreamItem =
  | { readonly event: CrucibleEvent }
  | { readonly position: number }
  /** The first one: the subscription holds from this position of this log on. */
  | { readonly position: number; readonly epoch: string | undefined };

export interface StreamConnection {
  /**
   * Ends when the connection does and all it brought was read.
   * @throws StreamError after that, where coming back cannot help
   */
  items(): AsyncGenerator<StreamItem, void, void>;
  close(reason: string): void;
  /** Why it ended. */
  reason(): string;
}

/** A message of the server: of all kinds, what is looked at here. */
interface Message {
  readonly type: string;
  readonly event?: CrucibleEvent;
  readonly position?: number;
  readonly after?: number;
  readonly epoch?: string | null;
  readonly heartbeat_ms?: number;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly request?: { readonly action?: string; readonly position?: number } | null;
}

/** Errors that say "later", not "never". */
const PASSING: ReadonlySet<string> = new Set([
  'overloaded',
  'log_unavailable',
  'issuer_unavailable',
  'internal',
  'rate_limited',
]);

/** For the connection and its `hello`. ms */
const HELLO_MS = 10_000;
/** How many heartbeats of the server may fail to come. */
const HEARTBEATS = 3;
/** How much may wait for a slow reader. */
const CAPACITY = 10_000;

const addressOf = (url: string): string =>
  `${url.replace(/\/+$/, '').replace(/^http/, 'ws')}/api/v1/events/stream`;

/** One connection with one subscription, by the WebSocket that Node and browsers have. */
export const openStreamConnection = (
  { url, key, world }: ClientOptions,
  asked: {
    readonly filters: readonly EventFilter[];
    readonly after: number | undefined;
    readonly epoch: string | undefined;
    readonly onNotice?: ((notice: string) => void) | undefined;
  },
): StreamConnection => {
  const socket = new WebSocket(addressOf(url), 'crucible.v1');
  let waiting: StreamItem[] = [];
  let ended: { readonly reason: string; readonly error?: StreamError } | undefined;
  let wake = (): void => undefined;
  let heartbeatMs = HELLO_MS / HEARTBEATS;
  let epoch: string | undefined;
  let patience: ReturnType<typeof setTimeout> | undefined;

  const end = (reason: string, error?: StreamError): void => {
    if (ended !== undefined) return;
    ended = { reason, ...(error !== undefined && { error }) };
    clearTimeout(patience);
    socket.close();
    wake();
  };

  const push = (item: StreamItem): void => {
    waiting.push(item);
    if (waiting.length > CAPACITY) end('more came than was read');
    wake();
  };

  const expectMore = (): void => {
    clearTimeout(patience);
    patience = setTimeout(() => end('the server is silent'), HEARTBEATS * heartbeatMs);
  };

  const send = (message: object): void => socket.send(JSON.stringify(message));

  const onHello = (message: Message): void => {
    heartbeatMs = message.heartbeat_ms ?? heartbeatMs;
    epoch = message.epoch ?? undefined;
    send({
      action: 'subscribe',
      filters: asked.filters,
      ...(asked.after !== undefined && { after: asked.after }),
      ...(asked.epoch !== undefined && { epoch: asked.epoch }),
      ...(world !== undefined && { world }),
    });
  };

  const onError = ({ code = 'internal', message = code, hint, request }: Message): void => {
    // The filters fail on one event; the subscription goes on.
    if (code === 'invalid' && request?.position !== undefined) asked.onNotice?.(message);
    else if (PASSING.has(code)) end(message);
    else end(message, new StreamError(code, message, hint));
  };

  const onMessage = (message: Message): void => {
    if (message.type === 'hello') onHello(message);
    else if (message.type === 'event' && message.event !== undefined) push({ event: message.event });
    else if (message.type === 'subscribed') push({ position: message.after ?? 0, epoch });
    else if (message.type === 'error') onError(message);
    else if (message.position !== undefined) push({ position: message.position });
  };

  socket.addEventListener('open', () => {
    if (ended === undefined) send({ action: 'auth', key });
    else socket.close();
  });
  socket.addEventListener('message', ({ data }) => {
    if (ended !== undefined) return;
    onMessage(JSON.parse(String(data)) as Message);
    if (ended === undefined) expectMore();
  });
  socket.addEventListener('error', () => end('no connection'));
  socket.addEventListener('close', ({ code }) => end(`closed with ${code}`));
  expectMore();

  async function* items(): AsyncGenerator<StreamItem, void, void> {
    for (;;) {
      const some = waiting;
      waiting = [];
      yield* some;
      if (waiting.length > 0) continue;
      if (ended?.error !== undefined) throw ended.error;
      if (ended !== undefined) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return { items, close: (reason) => end(reason), reason: () => ended?.reason ?? 'open' };
};
