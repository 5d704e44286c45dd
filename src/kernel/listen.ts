import type { AddressInfo, Server } from 'node:net';
import { CrucibleError } from './errors.ts';

export interface Place {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const urlOf = (host: string, address: AddressInfo): string => {
  const shown =
    host === '0.0.0.0' || host === ''
      ? '127.0.0.1'
      : host === '::'
        ? '[::1]'
        : host.includes(':')
          ? `[${host}]`
          : host;
  return `http://${shown}:${address.port}`;
};

/**
 * @param setting what the port is set by
 * @throws CrucibleError `port_in_use`
 */
export const listenAt = (
  node: Server,
  { host, port }: Place,
  setting: string,
): Promise<{ readonly url: string; readonly port: number }> =>
  new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      node.off('listening', onListening);
      reject(
        hasCode(error, 'EADDRINUSE')
          ? new CrucibleError('port_in_use', `Port ${port} on ${host} is taken by another program`, {
              hint: `Stop that program, or set ${setting} (0 picks a free port).`,
              cause: error,
            })
          : error,
      );
    };
    const onListening = (): void => {
      node.off('error', onError);
      const address = node.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('The server has no TCP address'));
        return;
      }
      resolve({ url: urlOf(host, address), port: address.port });
    };
    node.once('error', onError).once('listening', onListening);
    node.listen(port, host);
  });
