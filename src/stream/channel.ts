import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Outlet } from './session.ts';

/** A socket that is open. */
export interface Channel extends Outlet {
  ping(): void;
  pong(data: Buffer): void;
  /** Says why and waits for the client to agree for a while. What was sent before is written first. */
  close(code: number, reason: string): void;
  /** At once. */
  terminate(): void;
  /** Nothing is read from the client until `resume`. */
  pause(): void;
  resume(): void;
}

const NOTHING = Buffer.alloc(0);

/**
 * Until the socket has written all that waits, or is closed. Writes are done in order, so an empty one tells; the event
 * `drain` would not, because it comes only where more waited than the socket's own mark.
 */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done);
      resolve();
    };
    if (socket.closed) {
      resolve();
      return;
    }
    socket.once('close', done);
    if (socket.writable) socket.write(NOTHING, done);
  });

/** A WebSocket with the socket below it. Messages are never compressed, so `ws` writes them at once and in order. */
export const channelOf = (ws: WebSocket, socket: Socket): Channel => ({
  send: (message) => ws.send(message, { binary: false }),
  buffered: () => ws.bufferedAmount,
  drained: () => drained(socket),
  hold: () => socket.cork(),
  release: () => socket.uncork(),
  ping: () => ws.ping(),
  pong: (data) => ws.pong(data),
  close: (code, reason) => ws.close(code, reason),
  terminate: () => ws.terminate(),
  pause: () => ws.pause(),
  resume: () => ws.resume(),
});
