import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

const clients = new WeakMap<IncomingMessage, string>();

/** Whom a request counts for that came by way of another server, as that one says; undefined: it came by itself. */
export const forwardedClient = (req: IncomingMessage): string | undefined => clients.get(req);

/** Answers a request that came by way of another server of ours. */
export type AnswerForwarded = (
  req: IncomingMessage,
  res: ServerResponse,
  by: {
    /** See `clientOf`. */
    readonly client: string;
  },
) => void;

/** How the other server learns what it must have seen before it passes an answer on. */
export interface Told {
  /** The name of a header. */
  readonly header: string;
  /** Of the last acknowledged commit. */
  readonly sequence: () => number;
}

/**
 * Says it with the head of the answer; and again behind the last piece of one that has no length, which goes on while
 * more is done.
 */
const tell = (req: IncomingMessage, res: ServerResponse, { header, sequence }: Told): void => {
  const begin = res.writeHead;
  const end = res.end;
  // Node calls it also where nobody else does, right before the head is sent.
  res.writeHead = (...head: readonly unknown[]) => {
    res.setHeader(header, String(sequence()));
    if (!res.hasHeader('content-length') && res.statusCode !== 204 && req.method !== 'HEAD') {
      res.setHeader('Trailer', header);
      res.end = (...last: readonly unknown[]) => {
        res.addTrailers({ [header]: String(sequence()) });
        return Reflect.apply(end, res, last) as ServerResponse;
      };
    }
    return Reflect.apply(begin, res, head) as ServerResponse;
  };
};

/**
 * Requests that other servers send on, for the application that answers those of clients.
 *
 * Guarantee: who waits until it has seen the commit that an answer names has seen what the request did.
 */
export const createAnswerForwarded =
  (app: RequestListener, told: Told): AnswerForwarded =>
  (req, res, { client }) => {
    clients.set(req, client);
    tell(req, res, told);
    app(req, res);
  };
