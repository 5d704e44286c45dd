import type { CommittedReads } from './committed-reads.ts';

/**
 * The position of the last event committed at or before this time (ms since the epoch), 0 if there is none. Times never
 * go back, so this is a binary search: about 20 small reads for a million events.
 */
export const positionAt = async (
  reads: Pick<CommittedReads, 'head' | 'firstAvailable' | 'commitOf'>,
  timeMs: number,
): Promise<number> => {
  let low = reads.firstAvailable();
  let high = reads.head();
  let found = 0;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const commit = await reads.commitOf(middle);
    // Retention may have removed the whole commit: what is gone is older than what is kept around it.
    if (commit === undefined || commit.timeMs <= timeMs) {
      if (commit !== undefined) found = commit.last;
      low = (commit?.last ?? middle) + 1;
    } else {
      high = commit.first - 1;
    }
  }
  return found;
};
