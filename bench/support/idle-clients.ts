/*
 * Clients of the stream that only listen, in a process of their own: `fork(…, [url, key, count])`. Says `open` when each
 * has had its `hello`, and ends with its parent.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';

const [url = '', key = '', count = '0'] = process.argv.slice(2);
const sockets = Array.from(
  { length: Number(count) },
  () => new WebSocket(url, { headers: { authorization: `Bearer ${key}` }, perMessageDeflate: false }),
);
await Promise.all(sockets.map((socket) => once(socket, 'message')));
process.send?.('open');
process.on('disconnect', () => process.exit(0));
