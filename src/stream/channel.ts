import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Channel } from './connection.ts';

/** Until the socket has written all that waits, or is closed. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (!socket.writableNeedDrain || socket.destroyed) {
      resolve();
      return;
    }
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.once('drain', done).once('close', done);
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
