/*
 * What the work at the line of a target asks of the process that pokes drains (`drains.ts`), which is this one or, in a
 * worker, the leader. That process alone knows when a drain may sleep, since it sees each run join the line.
 */

/** One activity's place at the line of a target. */
export interface DrainPlace {
  /** A sign of life; and what `sleep` compares. Taken before the line is read. */
  mark(): Promise<number>;
  /**
   * The line was read as empty after `mark`; `nextAt`: when something in it can be claimed, ms since the epoch.
   * @returns false: something has joined since
   */
  sleep(mark: number, nextAt: number | null): Promise<boolean>;
  /** Whether a run of the target that is to run directly, and stands before `order` in the log, waits for its start. */
  directWaits(order: string): Promise<boolean>;
  /** The activity is over. Safe to call twice. */
  leave(): void;
}

/** Where activities take their places. */
export interface DrainLines {
  /**
   * @param onMove called when a run has joined the line, when what the drain has waited for may have come, and when no
   *   more is to be claimed
   * @returns undefined: no more is to be claimed by this process
   */
  take(target: string, onMove: () => void): Promise<DrainPlace | undefined>;
  /** Whether no more is to be claimed by this process. */
  readonly stopped: boolean;
}
