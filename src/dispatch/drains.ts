import type { Clock } from '../kernel/clock.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Committed, Log } from '../log/log.ts';
import { claimableAt } from './claim-key.ts';
import { runFrom } from './rows.ts';
import { RUN_TABLE } from './run.ts';
import type { DrainPoker } from './workflow-starter.ts';

/*
 * What is known here of a target's drain:
 *
 *   asleep  nothing stands in line                                  (no entry)
 *   awake   something does, or may: its workflow was poked, or works
 *   due     nothing can be claimed before a time; its workflow waits for it on a durable timer
 *
 *   asleep --a run joins the line--> awake (poke)
 *   due    --one joins that can be claimed before that time--> awake (poke)
 *   due    --the workflow's timer fires: its activity begins--> awake
 *   awake  --an empty claim, and nothing has joined since it was read--> asleep | due
 *
 * Guarantee: no wake-up is lost. A run joins the line in the turn in which its commit is acknowledged, and that counts
 * the entry's `joined` up. A claim asks for `joined`, reads, and asks to sleep, wherever it is; it is put to sleep in one
 * turn here, and only if `joined` still is the same: a run committed later finds the drain asleep, and pokes it. The poke
 * is a signal, which a workflow that is just ending cannot miss: Temporal does not let a workflow end past a signal that
 * it has not seen.
 */

interface Entry {
  state: 'awake' | 'due';
  dueAt: number;
  /** Counts the runs that have joined the line. */
  joined: number;
  /** When the drain last showed a sign of life, ms. */
  seenAt: number;
  /** Of the activity at work, if there is one. */
  onJoin: (() => void) | undefined;
}

export interface Drains {
  /** Given every commit. */
  committed(committed: Committed): void;
  /** Whether runs of this target may stand in line, or are being worked. Until `start` has read the lines: yes. */
  hasBacklog(target: string): boolean;
  /** An activity begins to work this target. @returns whether it may */
  begin(target: string, onJoin: () => void): boolean;
  /** A sign of life; and what `sleep` compares. */
  mark(target: string): number;
  /**
   * The line was read as empty after `mark`; `nextAt`: when something in it can be claimed.
   * @returns false: something has joined since
   */
  sleep(target: string, mark: number, nextAt: number | null): boolean;
  /** What the target's drain has waited for may have come. */
  nudge(target: string): void;
  /** The activity is over. */
  end(target: string, onJoin: () => void): void;
  /** Whether no more is to be claimed by this process. */
  readonly stopped: boolean;
  /** Pokes the drain of every target in whose line something stands: at start-up. Tries until it could be read. */
  start(): void;
  /** Pokes the drains of targets in whose line something stands that can be worked now, and which have shown no sign of life for a while. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

/** Pokes at a time. */
const MAX_POKING = 16;
/** Without a sign of life for so long a drain with something to claim is poked again. ms */
const SILENT_MS = 15_000;
const RETRY_MS = { first: 100, longest: 5_000 };

export const createDrains = (deps: {
  readonly log: Log;
  readonly poker: DrainPoker;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs `work` after `delayMs`; returns what cancels it. */
  readonly after: (delayMs: number, work: () => void) => () => void;
}): Drains => {
  const { log, clock, logger } = deps;
  const entries = new Map<string, Entry>();
  /** Targets to be poked, in order; those under way are not in it. */
  const toPoke = new Set<string>();
  const poking = new Set<Promise<void>>();
  let joins = 0;
  let started = false;
  let stopped = false;
  let reading: Promise<void> | undefined;
  let pauseMs = 0;
  let cancelPause: (() => void) | undefined;
  let cancelStart: (() => void) | undefined;

  const entryOf = (target: string): Entry => {
    let entry = entries.get(target);
    if (entry === undefined) {
      joins += 1;
      entry = {
        state: 'awake',
        dueAt: 0,
        joined: joins,
        seenAt: clock.now(),
        onJoin: undefined,
      };
      entries.set(target, entry);
    }
    return entry;
  };

  const wake = (target: string): void => {
    const entry = entryOf(target);
    entry.state = 'awake';
    entry.seenAt = clock.now();
    toPoke.add(target);
    pump();
  };

  const wakeIfSilent = (target: string): void => {
    const entry = entries.get(target);
    if (entry === undefined || clock.now() - entry.seenAt >= SILENT_MS) wake(target);
  };

  const pump = (): void => {
    for (const target of toPoke) {
      if (stopped || cancelPause !== undefined || poking.size >= MAX_POKING) return;
      toPoke.delete(target);
      const poke = pokeOne(target).finally(() => {
        poking.delete(poke);
        pump();
      });
      poking.add(poke);
    }
  };

  const pokeOne = async (target: string): Promise<void> => {
    try {
      await deps.poker.poke(target);
      pauseMs = 0;
    } catch (error) {
      if (stopped) return;
      if (pauseMs === 0)
        logger.warn({ target, err: messageOf(error) }, 'a drain cannot be poked; its runs wait');
      pauseMs = Math.min(Math.max(pauseMs * 2, RETRY_MS.first), RETRY_MS.longest);
      toPoke.add(target);
      cancelPause ??= deps.after(pauseMs, () => {
        cancelPause = undefined;
        pump();
      });
    }
  };

  const join = (target: string, at: number): void => {
    const before = entries.get(target);
    if (before === undefined) {
      wake(target);
      return;
    }
    joins += 1;
    before.joined = joins;
    if (before.state === 'due' && at < before.dueAt) wake(target);
    before.onJoin?.();
  };

  /** The targets in whose line something stands, each with its first one, one read a target. */
  const forEachLine = async (visit: (target: string, claimableAtMs: number) => void): Promise<void> => {
    let after: string | undefined;
    for (;;) {
      const [row] = await log.records.byIndex({
        table: RUN_TABLE.name,
        index: 'run_claim',
        equals: [],
        ...(after !== undefined && { after }),
        limit: 1,
      });
      if (row === undefined || stopped) return;
      const run = runFrom(row);
      after = run.target;
      visit(run.target, claimableAt(run.claim ?? ''));
    }
  };

  const readLines = async (): Promise<void> => {
    try {
      await forEachLine(wake);
      started = true;
    } catch (error) {
      if (stopped) return;
      logger.error({ err: messageOf(error) }, 'what waits for drains could not be read; it is read again');
      cancelStart = deps.after(1_000, () => {
        reading = readLines();
      });
    }
  };

  return {
    committed: ({ reactions, changed }) => {
      for (const { table, row } of [...reactions, ...changed]) {
        if (table !== RUN_TABLE.name) continue;
        const { target, claim, state } = runFrom(row);
        // One that is written as running is being worked: it has not joined.
        if (claim !== null && claim !== undefined && state !== 'running') join(target, claimableAt(claim));
      }
    },
    hasBacklog: (target) => !started || entries.get(target)?.state === 'awake',
    begin: (target, onJoin) => {
      if (stopped) return false;
      const entry = entryOf(target);
      entry.state = 'awake';
      entry.seenAt = clock.now();
      entry.onJoin = onJoin;
      toPoke.delete(target);
      return true;
    },
    mark: (target) => {
      const entry = entryOf(target);
      entry.seenAt = clock.now();
      return entry.joined;
    },
    sleep: (target, mark, nextAt) => {
      const entry = entries.get(target);
      if (entry !== undefined && entry.joined !== mark) return false;
      if (nextAt === null) entries.delete(target);
      else if (entry !== undefined) {
        entry.state = 'due';
        entry.dueAt = nextAt;
      }
      return true;
    },
    nudge: (target) => entries.get(target)?.onJoin?.(),
    end: (target, onJoin) => {
      const entry = entries.get(target);
      if (entry?.onJoin === onJoin) entry.onJoin = undefined;
    },
    get stopped() {
      return stopped;
    },
    start: () => {
      reading = readLines();
    },
    heal: async () => {
      if (!started) return;
      const now = clock.now();
      await forEachLine((target, at) => {
        if (at <= now) wakeIfSilent(target);
      });
    },
    stop: async () => {
      stopped = true;
      cancelPause?.();
      cancelStart?.();
      for (const entry of entries.values()) entry.onJoin?.();
      await reading;
      await Promise.all(poking);
    },
  };
};
