import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A frame of RFC 6455, section 5.2, made by hand, so that it may be wrong. */
export const frame = (
  opcode: number,
  payload: Buffer | string,
  options: {
    readonly fin?: boolean;
    readonly masked?: boolean;
    readonly reserved?: number;
    readonly length?: number;
  } = {},
): Buffer => {
  const { fin = true, masked = true, reserved = 0 } = options;
  const body = Buffer.from(payload);
  const { length = body.length } = options;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  if (length < 126) head[1] = mask | length;
  else if (length < 65_536) {
    head[1] = mask | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([head, body]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, body.map((byte, n) => byte ^ (key[n % 4] ?? 0))]);
};

export interface RawConnection extends AsyncDisposable {
  readonly socket: Socket;
  /** The code of the close frame that comes, undefined: the server ended the connection without. */
  closeCode(): Promise<number | undefined>;
}

/** A connection by TCP that has got through the handshake. */
export const openRaw = async (
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<RawConnection> => {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${lines.join('')}\r\n`,
  );
  let received = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.includes('\r\n\r\n')) resolve();
    });
  });
  const closed = once(socket, 'close');
  return {
    socket,
    async closeCode() {
      while (codeIn(received) === undefined && !socket.closed)
        await Promise.race([once(socket, 'data'), closed]);
      return codeIn(received);
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await closed;
    },
  };
};

/** The code of the first close frame after the head of the answer. */
const codeIn = (received: Buffer): number | undefined => {
  let rest = received.subarray(received.indexOf('\r\n\r\n') + 4);
  while (rest.length >= 2) {
    const short = (rest[1] ?? 0) & 0x7f;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < start) return undefined;
    const length =
      short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < start + length) return undefined;
    if (((rest[0] ?? 0) & 0x0f) === 8) return rest.readUInt16BE(start);
    rest = rest.subarray(start + length);
  }
  return undefined;
};
