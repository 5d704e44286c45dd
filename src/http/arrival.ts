import type { IncomingMessage, Server } from 'node:http';
import { hasBody } from './body.ts';

/**
 * Ends requests whose body has not arrived within that time, as Node does by `requestTimeout`, which knows no exceptions:
 * a stream that is worked on as it comes takes as long as the work, and watches its own silence. Once it is answered,
 * what is left of it has that time as well.
 */
export const limitArrival = (
  node: Server,
  {
    timeoutMs,
    isStream,
  }: { readonly timeoutMs: number; readonly isStream: (req: IncomingMessage) => boolean },
): void => {
  node.on('request', (req, res) => {
    if (!hasBody(req)) return;
    const { socket } = req;
    let timer: NodeJS.Timeout | undefined;
    const arrived = (): void => {
      clearTimeout(timer);
      socket.off('close', arrived);
    };
    const watch = (): void => {
      if (req.complete || socket.destroyed) return;
      timer = setTimeout(() => {
        const error = Object.assign(new Error('The request timed out'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
        if (res.headersSent) socket.destroy();
        else node.emit('clientError', error, socket);
      }, timeoutMs);
      timer.unref();
      req.once('end', arrived);
      socket.once('close', arrived);
    };
    if (isStream(req)) res.once('finish', watch);
    else watch();
  });
};
