import { CrucibleError } from '../kernel/errors.ts';
import type { FeedItem, Leader } from '../log/following/leader.ts';
import type { Connection } from './connection.ts';
import { decodeFeedLine } from './feed-codec.ts';
import { readLines } from './lines.ts';
import { MAX_LINE_BYTES, PATHS } from './protocol.ts';

/** The feed of the process that writes, as it comes; what is not read yet holds the sender up. */
export const createFollow = (connection: Connection): Leader['follow'] =>
  async function* follow({ epoch, after, signal }): AsyncGenerator<FeedItem, void, undefined> {
    const query = new URLSearchParams({
      epoch: String(epoch),
      ...(after !== undefined && { after: String(after) }),
    });
    try {
      const body = await connection.open({
        method: 'GET',
        path: `${PATHS.commits}?${query.toString()}`,
        signal,
      });
      for await (const line of readLines(body, MAX_LINE_BYTES)) {
        const item = decodeFeedLine(line);
        if (item === undefined)
          throw new CrucibleError('log_unavailable', `${connection.url} tells of commits in another way`, {
            hint: 'All processes of an installation run the same version.',
          });
        if (item instanceof CrucibleError) throw item;
        yield item;
      }
    } catch (error) {
      if (!signal.aborted) throw connection.lost(error);
    }
  };
