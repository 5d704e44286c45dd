import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Cuttable {
  readonly url: string;
  /** Every connection breaks. */
  cut(): void;
  close(): Promise<void>;
}

/** A wire to a server that can be cut. */
export const openCuttable = async (to: string): Promise<Cuttable> => {
  const sockets = new Set<Socket>();
  const port = Number(new URL(to).port);
  const wire = createServer((from) => {
    const on = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [from, on],
      [on, from],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  wire.listen(0, '127.0.0.1');
  await once(wire, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(wire.address() as AddressInfo).port}`,
    cut,
    close: async () => {
      const closed = once(wire, 'close');
      wire.close();
      cut();
      await closed;
    },
  };
};
