import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';

/** A message of the server, as a test looks at it. */
// Whatever the server said: each test looks for what it expects.
type Received = Readonly<Record<string, unknown>> & { readonly type: string };

/** A client that keeps all it gets, in order. */
export interface TestClient extends AsyncDisposable {
  readonly ws: WebSocket;
  readonly received: readonly Received[];
  send(message: object | string): void;
  /** The first message after those given before that is so; waits for it. */
  next(is: (message: Received) => boolean): Promise<Received>;
  nextOf(type: string): Promise<Received>;
  /** The positions that the subscription has got so far, in order. */
  positions(id: string): readonly number[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export const connect = async (
  url: string,
  options: ClientOptions & { readonly protocols?: readonly string[] } = {},
): Promise<TestClient> => {
  const { protocols = [], ...rest } = options;
  const ws = new WebSocket(url, [...protocols], rest);
  const received: Received[] = [];
  let given = 0;
  let wake = (): void => undefined;
  ws.on('message', (data) => {
    received.push(JSON.parse((data as Buffer).toString()) as Received);
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      wake();
    });
  });
  await once(ws, 'open');
  ws.on('error', () => undefined);

  const next: TestClient['next'] = async (is) => {
    for (;;) {
      for (; given < received.length; given += 1) {
        const message = received[given];
        if (message !== undefined && is(message)) {
          given += 1;
          return message;
        }
      }
      if (ws.readyState === WebSocket.CLOSED)
        throw new Error(`closed before the message came; there were ${JSON.stringify(received.slice(-5))}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  return {
    ws,
    received,
    closed,
    next,
    nextOf: (type) => next((message) => message.type === type),
    send: (message) => ws.send(typeof message === 'string' ? message : JSON.stringify(message)),
    positions: (id) =>
      received.flatMap((message) =>
        message.type === 'event' && (message['subscriptions'] as readonly string[]).includes(id)
          ? [(message['event'] as { readonly position: number }).position]
          : [],
      ),
    async [Symbol.asyncDispose]() {
      ws.terminate();
      await closed;
    },
  };
};
