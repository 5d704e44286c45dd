import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import { CLAIMED_TO, claimableAt, claimedClaim, drainWorkflowId, dueClaim, DUE_FROM } from './claim-key.ts';
import { takeInOrder, type ClaimPolicy, type Verdict } from './claim-policy.ts';
import { runFrom } from './rows.ts';
import { RUN_TABLE, type Run } from './run.ts';

/** Who claims: an execution of a drain's activity. */
export interface Claimer {
  readonly target: string;
  readonly temporalRunId: string;
  /** `<temporal run id>.<sequence>`: the same token is the same claimer, executed again. */
  readonly token: string;
}

interface Claimed {
  /** As they are now, in the order in which they stood in line. */
  readonly runs: readonly Run[];
  /** When nothing was claimed: when the next one can be, ms; null: nothing stands in line. */
  readonly nextAt: number | null;
}

export interface Claims {
  /** The unfinished runs that this target's drain has claimed before, under this token or an older one; now this one's. */
  takeOver(claimer: Claimer): Promise<readonly Run[]>;
  /** At most `room` runs. */
  claim(claimer: Claimer, room: number): Promise<Claimed>;
  /** Its attempt takes its time: its row says so. */
  markRunning(run: Run, claimer: Claimer, startedAtMs: number): Promise<void>;
  /** Puts a claimed run back in line, for later. */
  giveBack(run: Run, claimer: Claimer, dueAtMs: number): Promise<void>;
}

const PAGE = 1_000;
/** Of one write. */
const MAX_ROWS = 500;
/** Each try loses only against a change of one of its own candidates. */
const MAX_TRIES = 20;

/**
 * Claims runs for drains.
 *
 * Guarantee: no run is claimed twice. Candidates are read outside of the append loop, so they may be out of date; what
 * claims them is a compare-and-set inside the loop, all of them or none. When one of them has moved meanwhile they are
 * read again.
 */
export const createClaims = (deps: {
  readonly log: Log;
  readonly clock: Clock;
  readonly policy?: ClaimPolicy;
}): Claims => {
  const { log, clock } = deps;
  const policy = deps.policy ?? takeInOrder;
  /**
   * Where the last claim of a target ended. Behind it lie deleted index entries, which cost time to walk over; what has
   * come back into line in front of it is found when there is nothing after it.
   */
  const reached = new Map<string, string>();

  const lineOf = async (target: string, limit: number, after?: string): Promise<readonly Run[]> => {
    const rows = await log.records.byIndex({
      table: RUN_TABLE.name,
      index: 'run_claim',
      equals: [target],
      after: after ?? CLAIMED_TO,
      limit: Math.min(limit, PAGE),
    });
    return rows.map(runFrom);
  };

  /** The due ones first, so that a backlog does not keep a retry waiting; then the pending ones, in order. */
  const candidatesOf = async (
    target: string,
    limit: number,
  ): Promise<{ readonly now: readonly Run[]; readonly nextAt: number | null }> => {
    const nowMs = clock.now();
    const isDue = (run: Run): boolean => claimableAt(run.claim ?? '') <= nowMs;
    const isPending = (run: Run): boolean => claimableAt(run.claim ?? '') === 0;
    const after = reached.get(target);
    const [timed, ahead] = await Promise.all([lineOf(target, limit, DUE_FROM), lineOf(target, limit, after)]);
    let pending = ahead.filter(isPending);
    if (pending.length === 0 && after !== undefined) {
      reached.delete(target);
      pending = (await lineOf(target, limit)).filter(isPending);
    }
    const due = timed.filter(isDue);
    const next = timed.find((run) => !isDue(run));
    return {
      now: [...due, ...pending].slice(0, limit),
      nextAt: next === undefined ? null : claimableAt(next.claim ?? ''),
    };
  };

  const claimedSet = (run: Run, { target, token, temporalRunId }: Claimer) => ({
    workflow_id: drainWorkflowId(target),
    temporal_run_id: temporalRunId,
    claim_token: token,
    claim: claimedClaim(run.order),
    due_at: null,
    // What it was held for is over.
    ...(run.state === 'held' && ({ state: 'pending', reason: null } as const)),
  });

  const stillInLine = (run: Run) => ({
    generation: run.generation,
    state: run.state,
    claim: run.claim ?? null,
    claim_token: null,
  });

  const holdOf = (run: Run, verdict: Extract<Verdict, { verdict: 'hold' }>): Mutation => ({
    op: 'patch',
    table: RUN_TABLE.name,
    id: run.id,
    when: stillInLine(run),
    set: {
      ...(run.state === 'pending' && { state: 'held' }),
      reason: verdict.reason,
      due_at: verdict.untilMs,
      claim: dueClaim(verdict.untilMs, run.id),
    },
  });

  const write = async (mutations: readonly Mutation[]): Promise<boolean> => {
    if (mutations.length === 0) return true;
    try {
      await log.append({ events: [], ledger: true, mutations });
      return true;
    } catch (error) {
      if (isCrucibleError(error, 'conflict')) return false;
      throw error;
    }
  };

  const tryClaim = async (claimer: Claimer, room: number): Promise<Claimed | undefined> => {
    const { now: candidates, nextAt } = await candidatesOf(claimer.target, Math.min(room, MAX_ROWS));
    const verdicts = policy({ candidates, room, nowMs: clock.now() });
    const taken: Run[] = [];
    const mutations = candidates.flatMap((run): readonly Mutation[] => {
      const verdict = verdicts.get(run.id);
      if (verdict === undefined) return [];
      if (verdict.verdict === 'hold') return [holdOf(run, verdict)];
      const set = claimedSet(run, claimer);
      taken.push({ ...run, ...set });
      return [{ op: 'patch', table: RUN_TABLE.name, id: run.id, when: stillInLine(run), set }];
    });
    if (!(await write(mutations))) return undefined;
    const last = candidates.findLast(
      ({ id, claim }) => verdicts.get(id)?.verdict === 'take' && claimableAt(claim ?? '') === 0,
    );
    if (last?.claim !== undefined && last.claim !== null) reached.set(claimer.target, last.claim);
    // Only held ones: what the line shows now is another look.
    return taken.length === 0 && mutations.length > 0 ? undefined : { runs: taken, nextAt };
  };

  return {
    takeOver: async (claimer) => {
      const mine: Run[] = [];
      let after: string | undefined;
      for (;;) {
        const rows = await log.records.byIndex({
          table: RUN_TABLE.name,
          index: 'run_claim',
          equals: [claimer.target],
          ...(after !== undefined && { after }),
          upTo: CLAIMED_TO,
          limit: PAGE,
        });
        for (const run of rows.map(runFrom)) {
          after = run.claim ?? undefined;
          const set = { claim_token: claimer.token, temporal_run_id: claimer.temporalRunId };
          const when = { generation: run.generation, claim: run.claim ?? null, claim_token: run.claim_token };
          const held =
            run.claim_token === claimer.token ||
            (await write([{ op: 'patch', table: RUN_TABLE.name, id: run.id, when, set }]));
          if (held) mine.push({ ...run, ...set });
        }
        if (rows.length < PAGE) return mine;
      }
    },

    claim: async (claimer, room) => {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const claimed = await tryClaim(claimer, room);
        if (claimed !== undefined) return claimed;
      }
      // Others change these rows faster than they can be claimed; a moment later they may not.
      return { runs: [], nextAt: clock.now() + 100 };
    },

    markRunning: async (run, { token }, startedAtMs) => {
      // It has ended or moved on meanwhile, if this is refused.
      await write([
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, state: ['pending', 'retrying'], claim_token: token },
          set: { state: 'running', started_at: run.started_at ?? startedAtMs },
        },
      ]);
    },

    giveBack: async (run, claimer, dueAtMs) => {
      await write([
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, claim_token: claimer.token },
          set: {
            claim_token: null,
            due_at: dueAtMs,
            claim: dueClaim(dueAtMs, run.id),
          },
        },
      ]);
    },
  };
};
