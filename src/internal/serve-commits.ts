import type { ServerResponse } from 'node:http';
import { CrucibleError } from '../kernel/errors.ts';
import type { FeedItem, Leader } from '../log/following/leader.ts';
import { errorLine } from './feed-codec.ts';
import { createLineWriter } from './lines.ts';

const countIn = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CrucibleError(
    'malformed_request',
    `\`${name}\` must be a whole number, is ${JSON.stringify(text)}`,
  );
};

/**
 * Tells one follower of the commits. Guarantee: nothing is taken from the feed before there is room for it, so that a
 * follower which reads slowly costs no memory here; the feed itself drops one that falls too far behind.
 * @throws CrucibleError what the feed throws before its first item
 */
export const serveCommits = async (
  query: URLSearchParams,
  res: ServerResponse,
  deps: {
    readonly follow: Leader['follow'];
    readonly lineOf: (item: FeedItem) => string;
    readonly signal: AbortSignal;
    readonly stallMs: number;
  },
): Promise<void> => {
  const epoch = countIn(query, 'epoch');
  if (epoch === undefined) throw new CrucibleError('malformed_request', '`epoch` is missing');
  const after = countIn(query, 'after');
  const lines = createLineWriter(res, deps.stallMs);
  try {
    const items = deps.follow({ epoch, ...(after !== undefined && { after }), signal: deps.signal });
    for await (const item of items) if (!(await lines.write(deps.lineOf(item)))) return;
  } catch (error) {
    if (!res.headersSent) throw error;
    await lines.write(errorLine(error));
  }
  res.end();
};
