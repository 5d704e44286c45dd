import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import { claimableAt, drainWorkflowId, dueClaim, DUE_FROM } from './claim-key.ts';
import { keyOf, takeInOrder, type ClaimPolicy, type Verdict } from './claim-policy.ts';
import {
  createLineHolders,
  lineGuard,
  lineKeyId,
  LINE_KEY_TABLE,
  LINE_TABLE,
  type Claimer,
  type Line,
} from './line.ts';
import { runFrom } from './rows.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { createEndings } from './settle.ts';
import type { BuildEvent } from './terminal-event.ts';
interface Claimed {
  /** In the order in which they stood in line. */
  readonly runs: readonly Run[];
  /** Nothing else in the line could be claimed when it was read. */
  readonly all: boolean;
  /** If these are all: when the next one can be claimed, ms; null: none stands in line. */
  readonly nextAt: number | null;
  /** Whether the policy has left some where they are: it may say something else as soon as a run is over. */
  readonly left: boolean;
}

/** The line of a target in the hands of one claimer. */
export interface Claim {
  /** Belongs to every write on behalf of the line. */
  readonly guard: Mutation;
  /** Another claimer has taken the line over: nothing more is to be begun, and nothing can be recorded. */
  lost(): boolean;
  /**
   * At most `room` runs, none of which this claim has handed out and which is not over.
   * @throws CrucibleError `conflict` when the line is another's by now
   */
  take(room: number): Promise<Claimed>;
  /** The run is not worked any more, however it went. */
  over(run: Run): void;
  /** Its attempt takes its time: its row says so. */
  markRunning(run: Run, startedAtMs: number): Promise<void>;
  /** Puts a claimed run back in line, for later. */
  giveBack(run: Run, dueAtMs: number): Promise<void>;
}

export interface Claims {
  /** Takes the line of a target, from whoever had it. What that one left unfinished is claimed like the rest. */
  open(claimer: Claimer): Promise<Claim>;
}

export interface ClaimsDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly buildEvent: BuildEvent;
  /** Default: `takeInOrder` for every target. */
  readonly policyOf?: (target: string) => ClaimPolicy;
}

const PAGE = 1_000;
/** Of one claim, and so of its write. */
const MAX_ROWS = 500;
/** What the policy has left is asked about again after this, if nothing happens before. ms */
const ASK_AGAIN_MS = 1_000;
/** Each try loses only against a change of one of its own candidates. */
const MAX_TRIES = 20;

/**
 * Claims runs for drains.
 *
 * Guarantee: no run is worked by two claimers, and none is claimed twice. A line belongs to the token on its row. A new
 * claimer puts its own there first; from then on everything that the one before it still wants to write is refused.
 * Within one claimer it is its own memory that says which runs it has handed out. What is read from the index may be out
 * of date: whether a run still stands as it was read is compared by whatever writes to it.
 */
export const createClaims = (deps: ClaimsDeps): Claims => {
  const { log } = deps;
  const holderOf = createLineHolders(log);
  return {
    open: async (claimer) => {
      const row: Line = {
        id: claimer.target,
        token: claimer.token,
        temporal_run_id: claimer.temporalRunId,
        taken_at: deps.clock.now(),
      };
      await log.append({
        events: [],
        ledger: true,
        mutations: [{ op: 'put', table: LINE_TABLE.name, row }],
      });
      return createClaim(deps, claimer, () => holderOf(claimer.target) !== claimer.token);
    },
  };
};

const createClaim = (deps: ClaimsDeps, claimer: Claimer, lost: () => boolean): Claim => {
  const { log, clock } = deps;
  const { target } = claimer;
  const policy = deps.policyOf?.(target) ?? takeInOrder;
  const endingOf = createEndings(deps);
  const guard = lineGuard(claimer);
  /** By run id, as what it was handed out: an index that was read a moment ago shows it so still. */
  const handedOut = new Map<string, string>();
  /** By run id, the key of those that are not over. */
  const open = new Map<string, string>();
  /**
   * The place in line up to which everything has had its verdict. Before it lie deleted index entries, which cost time
   * to walk over; what has come back into line there is found when there is nothing after it.
   */
  let reached = '';

  const isNew = (run: Run): boolean => handedOut.get(run.id) !== shapeOf(run);

  /** Those that are not handed out, from a place in line on, until there are enough. */
  const look = async (after: string, limit: number, upTo: (run: Run) => boolean): Promise<readonly Run[]> => {
    const found: Run[] = [];
    for (let from = after; ;) {
      const rows = await log.records.byIndex({
        table: RUN_TABLE.name,
        index: 'run_claim',
        equals: [target],
        ...(from !== '' && { after: from }),
        limit: Math.min(limit, PAGE),
      });
      for (const run of rows.map(runFrom)) {
        from = run.claim ?? from;
        if (isNew(run)) found.push(run);
        if (!upTo(run)) return found;
      }
      if (rows.length < Math.min(limit, PAGE) || found.length >= limit) return found;
    }
  };

  /** The due ones first, so that a backlog does not keep a retry waiting; then the pending ones, in order. */
  const candidatesOf = async (
    limit: number,
  ): Promise<{
    readonly now: readonly Run[];
    /** Whether these are all that can be claimed now. */
    readonly all: boolean;
    readonly nextAt: number | null;
  }> => {
    const nowMs = clock.now();
    const isDue = (run: Run): boolean => claimableAt(run.claim ?? '') <= nowMs;
    const isUntimed = (run: Run): boolean => claimableAt(run.claim ?? '') === 0;
    const isTimed = (run: Run): boolean => !isUntimed(run);
    let ahead: readonly Run[];
    let timed: readonly Run[];
    if (reached === '') {
      // One read tells of a short line all that there is.
      ahead = await look('', limit, (run) => isUntimed(run) || isDue(run));
      timed = ahead.length < limit ? ahead.filter(isTimed) : await look(DUE_FROM, limit, isDue);
    } else {
      [timed, ahead] = await Promise.all([look(DUE_FROM, limit, isDue), look(reached, limit, isUntimed)]);
    }
    let untimed = ahead.filter(isUntimed);
    if (untimed.length === 0 && reached !== '') {
      reached = '';
      untimed = (await look('', limit, isUntimed)).filter(isUntimed);
    }
    const due = timed.filter(isDue);
    const next = timed.find((run) => !isDue(run));
    return {
      now: [...due, ...untimed].slice(0, limit),
      // What has come back into line before `reached` has not been looked for.
      all: reached === '' && due.length + untimed.length < limit,
      nextAt: next === undefined ? null : claimableAt(next.claim ?? ''),
    };
  };

  /** @returns false: one of the rows is not as it was read */
  const write = async (
    mutations: readonly Mutation[],
    events: Parameters<Log['append']>[0]['events'] = [],
  ): Promise<boolean> => {
    if (mutations.length === 0) return true;
    try {
      await log.append({ events, ledger: true, mutations: [guard, ...mutations] });
      return true;
    } catch (error) {
      if (isCrucibleError(error, 'conflict')) return false;
      throw error;
    }
  };

  const memoryOf = async (candidates: readonly Run[]): Promise<ReadonlyMap<string, JsonObject>> => {
    if (policy.plain === true) return new Map();
    const ids = new Map(candidates.map((run) => [lineKeyId(target, keyOf(run)), keyOf(run)]));
    const rows = await log.records.getMany(LINE_KEY_TABLE.name, [...ids.keys()]);
    return new Map(rows.map((row) => [ids.get(row.id) ?? '', row['memory'] as JsonObject]));
  };

  const activeByKey = (): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const key of open.values()) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  };

  const tryTake = async (room: number): Promise<Claimed | undefined> => {
    const { now: candidates, all, nextAt } = await candidatesOf(Math.min(room, MAX_ROWS));
    // What was begun is finished, whatever the policy says by now.
    const begun = candidates.filter(isBegun).slice(0, room);
    const asked = candidates.filter((run) => !isBegun(run));
    const decision = policy.decide({
      candidates: asked,
      room: room - begun.length,
      nowMs: clock.now(),
      active: activeByKey(),
      memory: await memoryOf(asked),
    });
    const verdicts = new Map<string, Verdict>(decision.verdicts);
    for (const { id } of begun) verdicts.set(id, { verdict: 'take' });

    const runs: Run[] = [];
    const mutations: Mutation[] = [...(decision.memory ?? [])].map(([key, memory]) => ({
      op: 'put',
      table: LINE_KEY_TABLE.name,
      row: { id: lineKeyId(target, key), memory },
    }));
    const events: Parameters<Log['append']>[0]['events'][number][] = [];
    for (const run of candidates) {
      const verdict = verdicts.get(run.id);
      if (verdict?.verdict === 'take') {
        const set = policy.plain === true || isBegun(run) ? {} : takenSet(run, claimer);
        if (run.state === 'held' || Object.keys(set).length > 0)
          mutations.push(patchOf(run, { ...set, ...releasedSet(run) }));
        runs.push({ ...run, ...set, ...releasedSet(run) });
      } else if (verdict?.verdict === 'hold') mutations.push(patchOf(run, holdSet(run, verdict)));
      else if (verdict?.verdict === 'skip') {
        const ending = await endingOf(run, { state: 'skipped', reason: verdict.reason, error: null });
        events.push(...ending.events);
        mutations.push(...ending.mutations);
      }
    }
    if (!(await write(mutations, events))) return undefined;
    for (const run of runs) {
      handedOut.set(run.id, shapeOf(run));
      open.set(run.id, keyOf(run));
    }
    reached = reachedBy(candidates, verdicts) ?? reached;
    // Only held or skipped ones: what the line shows now is another look.
    if (runs.length === 0 && mutations.length > 0) return undefined;
    const left = candidates.some(({ id }) => !verdicts.has(id));
    const againAt = clock.now() + ASK_AGAIN_MS;
    return {
      runs,
      all: all || runs.length === 0,
      left,
      nextAt: left ? Math.min(nextAt ?? againAt, againAt) : nextAt,
    };
  };

  return {
    guard,
    lost,

    take: async (room) => {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        if (lost()) throw superseded(target);
        const claimed = await tryTake(room);
        if (claimed !== undefined) return claimed;
      }
      // Others change these rows faster than they can be claimed; a moment later they may not.
      return { runs: [], all: true, left: true, nextAt: clock.now() + 100 };
    },

    over: (run) => {
      open.delete(run.id);
    },

    markRunning: async (run, startedAtMs) => {
      // It has ended or moved on meanwhile, if this is refused.
      await write([
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: ['pending', 'retrying'] },
          set: {
            state: 'running',
            workflow_id: drainWorkflowId(target),
            temporal_run_id: claimer.temporalRunId,
            started_at: run.started_at ?? startedAtMs,
            due_at: null,
          },
        },
      ]);
    },

    giveBack: async (run, dueAtMs) => {
      await write([patchOf(run, { due_at: dueAtMs, claim: dueClaim(dueAtMs, run.id) })]);
    },
  };
};

/** Nobody waits for what this execution still does. */
export const superseded = (target: string): CrucibleError =>
  new CrucibleError('conflict', `the line of ${target} is worked by another execution now`);

/** Whether an execution before this one has begun it: nobody else writes its workflow onto a row that is pending. */
const isBegun = ({ state, workflow_id: workflowId }: Run): boolean =>
  state === 'running' || (state === 'pending' && workflowId !== null);

const takenSet = (run: Run, { target, temporalRunId }: Claimer) =>
  run.state === 'retrying' ? {} : { workflow_id: drainWorkflowId(target), temporal_run_id: temporalRunId };

/** What it was held for is over. */
const releasedSet = (run: Run) =>
  run.state === 'held' ? ({ state: 'pending', reason: null, due_at: null } as const) : {};

/** A run stands in line in the same shape only until something was written to its row. */
const shapeOf = (run: Run): string => `${run.generation} ${run.attempts} ${run.claim ?? ''}`;

/** Changes a run as long as it stands in line as it was read. */
const patchOf = (run: Run, set: JsonObject): Mutation => ({
  op: 'patch',
  table: RUN_TABLE.name,
  id: run.id,
  when: {
    generation: run.generation,
    attempts: run.attempts,
    state: run.state,
    claim: run.claim ?? null,
  },
  set,
});

const holdSet = (run: Run, { untilMs, reason }: Extract<Verdict, { verdict: 'hold' }>): JsonObject => ({
  ...(run.state === 'pending' && { state: 'held' }),
  reason,
  due_at: untilMs,
  claim: untilMs === null ? null : dueClaim(untilMs, run.id),
});

/** The place of the last untimed candidate before which none is left without a verdict. */
const reachedBy = (
  candidates: readonly Run[],
  verdicts: ReadonlyMap<string, Verdict>,
): string | undefined => {
  let place: string | undefined;
  for (const { id, claim } of candidates) {
    if (claimableAt(claim ?? '') !== 0) continue;
    if (!verdicts.has(id)) break;
    place = claim ?? place;
  }
  return place;
};
