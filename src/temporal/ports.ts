import { createServer } from 'node:net';
import { CrucibleError } from '../kernel/errors.ts';

const LOOPBACK = '127.0.0.1';

/** Binds and lets go. @returns the port, or undefined when it is taken */
const tryPort = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('a TCP server has no port'));
        else resolve(address.port);
      });
    });
  });

/**
 * The port to use on loopback: this one, or for 0 one that is free now.
 * @param variable what sets it, for the message
 * @param besides a port that is already spoken for
 * @throws CrucibleError `port_in_use`
 */
export const claimPort = async (
  port: number,
  what: string,
  variable: string,
  besides?: number,
): Promise<number> => {
  for (;;) {
    const claimed = port !== 0 && port === besides ? undefined : await tryPort(port);
    if (claimed === undefined) break;
    if (claimed !== besides) return claimed;
  }
  throw new CrucibleError('port_in_use', `Port ${port} on ${LOOPBACK}, wanted for ${what}, is taken.`, {
    hint: `Stop the program that uses it, or set ${variable} to another port (0: a free one).`,
  });
};
