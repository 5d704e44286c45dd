import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The open connections of a server, and which of them have a request under way. */
export interface Connections {
  /** From now on a connection ends as soon as nothing is under way on it. */
  endWhenIdle(): void;
  /** Cuts off the answers that go on for as long as their clients like (`text/event-stream`). */
  cutEventStreams(): void;
}

/**
 * Node's own `closeIdleConnections` leaves alone a connection that has never sent a request, such as a browser's
 * spare one, and would wait for it until the grace time is over.
 */
export const trackConnections = (server: Server): Connections => {
  const underWay = new Map<Socket, number>();
  const answers = new Set<ServerResponse>();
  let ending = false;
  const endIfIdle = (socket: Socket): void => {
    if (ending && underWay.get(socket) === 0) socket.destroySoon();
  };
  server.on('connection', (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once('close', () => underWay.delete(socket));
  });
  server.on('request', (req, res) => {
    const { socket } = req;
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    answers.add(res);
    res.once('close', () => {
      answers.delete(res);
      const open = underWay.get(socket);
      if (open === undefined) return;
      underWay.set(socket, open - 1);
      endIfIdle(socket);
    });
  });
  return {
    endWhenIdle() {
      ending = true;
      for (const socket of underWay.keys()) endIfIdle(socket);
    },
    cutEventStreams() {
      for (const res of answers)
        if (/^text\/event-stream\b/.test(String(res.getHeader('content-type')))) res.destroy();
    },
  };
};
