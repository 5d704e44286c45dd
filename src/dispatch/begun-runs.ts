import type { Clock } from '../kernel/clock.ts';
import type { Run } from './run.ts';

interface BegunRun {
  readonly run: Run;
  /** When it began, ms since the epoch. */
  readonly since: number;
}

/**
 * The runs that one activity has begun.
 *
 * States: busy (its action holds a slot) → ended (its record waits for its commit) → over; busy → over, when there was
 * nothing to execute.
 */
export interface BegunRuns {
  /** How many are not over. */
  readonly size: number;
  /** Whether one more may begin. The record of one does not keep the next action waiting. */
  hasRoom(slots: number): boolean;
  begin(run: Run): void;
  /** Its action has ended. @returns whether it still held a slot */
  free(run: Run): boolean;
  over(run: Run): void;
  /** Whether one is not over that takes so long that the other slots should not stay empty for it. */
  hasSlow(): boolean;
  /** Those whose action takes its time, and whose rows are to say so; each once. */
  takeUnmarked(): readonly BegunRun[];
}

/** How long an attempt may go before its row says `running`, ms. */
export const MARK_AFTER_MS = 100;

/** An attempt that takes longer than this does not keep the other slots empty at the end of an activity. ms */
const SLOW_MS = 1_000;

/** Actions that have ended and wait for their commit: the more of them share one, the cheaper each is. */
const MAX_UNRECORDED = 256;

export const createBegunRuns = (clock: Clock): BegunRuns => {
  const open = new Map<string, BegunRun>();
  const busy = new Set<string>();
  const marked = new Set<string>();

  return {
    get size() {
      return open.size;
    },
    hasRoom: (slots) => busy.size < slots && open.size < slots + MAX_UNRECORDED,
    begin(run) {
      open.set(run.id, { run, since: clock.now() });
      busy.add(run.id);
    },
    free: (run) => busy.delete(run.id),
    over(run) {
      open.delete(run.id);
      busy.delete(run.id);
    },
    hasSlow() {
      const before = clock.now() - SLOW_MS;
      for (const { since } of open.values()) if (since <= before) return true;
      return false;
    },
    takeUnmarked() {
      const nowMs = clock.now();
      const slow = [...busy].flatMap((id) => {
        const known = open.get(id);
        return known === undefined || marked.has(id) || nowMs - known.since < MARK_AFTER_MS ? [] : [known];
      });
      for (const { run } of slow) marked.add(run.id);
      return slow;
    },
  };
};
