import type { CommittedReads } from './committed-reads.ts';

/** About a commit's worth of positions. */
const FIRST_STEP = 1_024;

/**
 * The position of the last event committed at or before this time (ms since the epoch), 0 if there is none. If that one
 * is among those that retention has removed from between others, a position there: the events up to it are those up to
 * the time.
 *
 * Times never go back, so this could be halving alone, a read for each. Where events came evenly, it is much nearer by
 * the rule of three: the search begins there, goes on in growing steps until the time lies between two of them, and
 * halves only what lies between. At worst, that is twice the reads of halving.
 */
export const positionAt = async (
  reads: Pick<CommittedReads, 'head' | 'firstAvailable' | 'commitOf'>,
  timeMs: number,
): Promise<number> => {
  let low = reads.firstAvailable();
  let high = reads.head();
  if (high < low) return 0;
  const [oldest, newest] = await Promise.all([reads.commitOf(low), reads.commitOf(high)]);
  if (newest !== undefined && newest.timeMs <= timeMs) return newest.last;
  if (oldest !== undefined && oldest.timeMs > timeMs) return 0;

  let guess = middleOf(low, high);
  if (oldest !== undefined && newest !== undefined) {
    const share = (timeMs - oldest.timeMs) / (newest.timeMs - oldest.timeMs);
    low = oldest.last + 1;
    high = newest.first - 1;
    guess = Math.min(high, low + Math.floor(share * (high - low)));
  }
  let step = FIRST_STEP;
  let sideBefore: 'earlier' | 'later' | undefined;
  let between = false;
  while (low <= high) {
    const commit = await reads.commitOf(guess);
    // Retention may have removed the whole commit: what is gone is older than what is kept around it.
    const side = commit === undefined || commit.timeMs <= timeMs ? 'earlier' : 'later';
    if (side === 'earlier') low = (commit?.last ?? guess) + 1;
    else if (commit !== undefined) high = commit.first - 1;
    between ||= sideBefore !== undefined && sideBefore !== side;
    sideBefore = side;
    const middle = middleOf(low, high);
    if (between) guess = middle;
    else guess = side === 'earlier' ? Math.min(low + step, middle) : Math.max(high - step, middle);
    step *= 2;
  }
  return low - 1;
};

const middleOf = (low: number, high: number): number => Math.floor((low + high) / 2);
