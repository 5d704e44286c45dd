/** How a pending run gets to its workflow: by one of its own, or by the drain of its target. */
export type Mode = 'direct' | 'drain';

/** The runs of one target that the group commit which is being judged has made so far. */
export interface InGroup extends Readonly<Record<Mode, number>> {
  /** The direct ones of all targets. */
  readonly directOfAll: number;
}

/** Asked inside the append loop: must neither wait nor throw. */
export type ModeOf = (target: string, inGroup: InGroup) => Mode;

/**
 * Direct, as long as the target's lane has room and nothing of the target waits for its drain. So the runs of a target
 * begin in the order of the log, also when a backlog ends; and a burst is a backlog from its first moment on. Pure.
 */
export const decideMode = (room: number, { direct, drain }: Pick<InGroup, Mode>, backlog: boolean): Mode =>
  backlog || drain > 0 || direct >= room ? 'drain' : 'direct';

export const createModeOf = (deps: {
  /** How many more runs of a target may be started directly, when so many of all targets are about to be. */
  readonly starter: { roomFor(target: string, coming: number): number };
  /** Whether runs of a target wait for its drain. */
  readonly drains: { hasBacklog(target: string): boolean };
  /** Runs of one drain activity; 1: each run has a workflow of its own, whatever waits. */
  readonly packMax: number;
}): ModeOf =>
  deps.packMax <= 1
    ? () => 'direct'
    : (target, inGroup) =>
        decideMode(
          deps.starter.roomFor(target, inGroup.directOfAll),
          inGroup,
          deps.drains.hasBacklog(target),
        );
