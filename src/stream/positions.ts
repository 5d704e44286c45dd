import { CrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';

/** What is wrong with reading on after this position; undefined: nothing. */
export const expiredAt = (log: Pick<Log, 'firstAvailable'>, after: number): CrucibleError | undefined => {
  const first = log.firstAvailable();
  if (after + 1 >= first) return undefined;
  return new CrucibleError(
    'position_expired',
    `Position ${after + 1} has been removed by retention; the first one kept is ${first}`,
    { hint: `Subscribe with after: ${first - 1} to go on after the gap.` },
  );
};

/** @throws CrucibleError `epoch_changed` for a position of another log */
export const assertSameLog = (asked: {
  readonly after: number | undefined;
  readonly epoch: string | undefined;
  readonly head: number;
  readonly current: string | null;
}): void => {
  const { after, epoch, head, current } = asked;
  const hint = 'Take epoch and first_available of hello, and subscribe with after: first_available - 1.';
  if (epoch !== undefined && epoch !== current)
    throw new CrucibleError('epoch_changed', 'The log is not the one that this position was read from', {
      hint,
    });
  if (after !== undefined && after > head)
    throw new CrucibleError('epoch_changed', `The log ends at ${head}, before position ${after}`, { hint });
};
