import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { withOrigin } from '../kernel/context.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { Log } from '../log/log.ts';
import type { Claim } from './claim.ts';
import { drainWorkflowId, dueClaim } from './claim-key.ts';
import { decide, type Decision } from './decide.ts';
import { SWEEP_AFTER_MS } from './new-run.ts';
import type { LiveRuns } from './live-runs.ts';
import type { ActionOutcome } from './outcome.ts';
import type { Policies } from './policies.ts';
import { isFinal, statesBefore } from './states.ts';
import { storableOutcome } from './storable-outcome.ts';
import { fitsRow, insertAttempt } from './attempt-rows.ts';
import { RUN_TABLE, type AttemptRecord, type Run } from './run.ts';
import { originOf, terminalEvent, triggeredEvent, type BuildEvent } from './terminal-event.ts';
import { runFrom } from './rows.ts';

export interface AttemptAsk {
  readonly run_id: string;
  readonly generation: number;
  readonly attempt: number;
  readonly temporalRunId: string;
  /** Of a drain: it is recorded only while the line is its claimer's, and is put back in line for its next attempt. */
  readonly claim?: Pick<Claim, 'guard' | 'lost'>;
  /** Aborts on cancel and shutdown. */
  readonly signal: AbortSignal;
  /** Called when the action is over and its record is still to be written. */
  readonly onExecuted?: () => void;
}

export type AttemptAnswer =
  | { readonly next: 'done'; readonly state: string; readonly reason: string | null }
  | { readonly next: 'attempt'; readonly attempt: number; readonly delay_ms: number };

export interface AttemptDeps {
  readonly log: Log;
  readonly policies: Policies;
  /**
   * Saves the read of a row that this process has just written. Absent where another process writes: told a moment late,
   * a row could say that an attempt is still to be made which is recorded already.
   */
  readonly live?: Pick<LiveRuns, 'get'>;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly sleep: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Executes one attempt of a run and records it.
 *
 * Guarantee: an attempt that is recorded is never executed again. It is looked up before the action begins; and the
 * record compares generation and attempt, so that of two executions of the same attempt one alone is recorded. The
 * action itself is at-least-once: a crash between its effect and its record repeats it, under the same idempotency key.
 * A record that cannot be written is tried again, without the action, for as long as the attempt may last.
 */
export const createAttempts = (deps: AttemptDeps): ((ask: AttemptAsk) => Promise<AttemptAnswer>) => {
  const { log, policies, clock } = deps;

  const runOf = async (id: string): Promise<Run> => {
    const live = deps.live?.get(id);
    if (live !== undefined) return live;
    const row = await log.records.get(RUN_TABLE.name, id);
    if (row === undefined) throw new CrucibleError('not_found', `there is no run ${id}`);
    return runFrom(row);
  };

  const execute = async (
    run: Run,
    event: CrucibleEvent,
    ask: AttemptAsk,
  ): Promise<{ readonly answered: ActionOutcome; readonly decision: Decision; readonly traced: boolean }> => {
    const definition = await policies.definition(run);
    const executor = policies.executor(run);
    const policy = executor.policy(definition);
    const timeout = AbortSignal.timeout(policy.timeoutMs);
    const outcome = await withOrigin(originOf(run, event), () =>
      executor
        .execute({
          run,
          event,
          definition,
          attempt: ask.attempt,
          idempotencyKey: `${run.id}.${run.generation}`,
          deadline: clock.now() + policy.timeoutMs,
          signal: AbortSignal.any([ask.signal, timeout]),
        })
        .catch((error: unknown): ActionOutcome => {
          deps.logger.error({ run: run.id, err: error }, 'an executor threw; that is a defect of ours');
          return { kind: 'retryable', code: 'internal', message: messageOf(error), detail: {} };
        }),
    );
    // What an abort cut short is not the target's fault: Temporal gives the attempt to the next worker. What it has
    // done all the same is not done a second time.
    if (ask.signal.aborted && outcome.kind !== 'succeeded')
      throw new CrucibleError('overloaded', 'the worker is shutting down');
    const before = {
      uncharged: run.uncharged ?? 0,
      ageMs: run.started_at === null ? 0 : clock.now() - run.started_at,
    };
    const decision = decide(outcome, policy, ask.attempt, deps.random(), before);
    return { answered: outcome, decision, traced: policy.traced === true };
  };

  const record = async (request: Parameters<Log['append']>[0], signal: AbortSignal): Promise<void> => {
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
      try {
        await log.append(request);
        return;
      } catch (error) {
        if (!isCrucibleError(error, 'overloaded') && !isCrucibleError(error, 'log_unavailable')) throw error;
        await deps.sleep(pauseMs, signal);
      }
    }
  };

  return async (ask) => {
    const run = await runOf(ask.run_id);
    const before = recordedAnswer(run, ask, clock.now());
    if (before !== undefined) return before;
    if (ask.claim?.lost() === true) return { next: 'done', state: run.state, reason: 'superseded' };

    // The store shows rows a moment before their commit is acknowledged: until then the run could still be lost.
    if (run.event_position > log.head()) await log.settled();
    const event = await log.at(run.event_position);
    if (event === undefined)
      throw new CrucibleError('not_found', `event ${run.event_id} of ${run.id} is gone`);
    const startedAt = clock.now();
    const { answered, decision, traced } = await execute(run, event, ask);
    ask.onExecuted?.();
    const outcome = storableOutcome(answered);
    const now = clock.now();
    const durationMs = Math.max(0, now - startedAt);
    const final = isFinal(decision.state);
    const dueAt = decision.delayMs === null ? null : now + decision.delayMs;
    const attempt: AttemptRecord = {
      generation: run.generation,
      number: ask.attempt,
      started_at: startedAt,
      duration_ms: durationMs,
      outcome: outcome.kind === 'retryable' ? 'failed' : outcome.kind,
      error: errorOf(outcome),
      detail: isOurs(outcome) ? { ...outcome.detail, ours: true } : outcome.detail,
    };
    const origin = originOf(run, event);
    const inRow = final && fitsRow(attempt);
    const ending = {
      run,
      attempt: ask.attempt,
      durationMs,
      state: decision.state,
      reason: decision.reason,
      outcome,
    };
    try {
      await record(
        {
          events: [
            // One execution of an attempt is recorded, so this is told once, whichever it is.
            ...(traced && ask.attempt === 1 ? [deps.buildEvent(triggeredEvent(run), origin)] : []),
            ...(final ? [deps.buildEvent(terminalEvent(ending, event), origin)] : []),
          ],
          ledger: true,
          mutations: [
            ...(ask.claim === undefined ? [] : [ask.claim.guard]),
            {
              op: 'patch',
              table: RUN_TABLE.name,
              id: run.id,
              when: {
                generation: run.generation,
                attempts: ask.attempt - 1,
                state: statesBefore(decision.state),
              },
              set: {
                state: decision.state,
                reason: decision.reason,
                error: attempt.error?.message ?? null,
                attempts: ask.attempt,
                ...(isOurs(outcome) && { uncharged: (run.uncharged ?? 0) + 1 }),
                temporal_run_id: ask.temporalRunId,
                started_at: ask.attempt === 1 ? startedAt : (run.started_at ?? startedAt),
                finished_at: final ? now : null,
                ...(inRow && { last_attempt: attempt }),
                due_at: dueAt,
                ...(ask.claim === undefined
                  ? { sweep_at: dueAt === null ? null : dueAt + SWEEP_AFTER_MS, start: null }
                  : {
                      workflow_id: drainWorkflowId(run.target),
                      // Due again it stands in the line of its drain; when it has ended it stands nowhere.
                      claim: dueAt === null ? null : dueClaim(dueAt, run.id),
                    }),
              },
            },
            ...(inRow ? [] : [insertAttempt(run, attempt)]),
          ],
        },
        ask.signal,
      );
    } catch (error) {
      if (!isCrucibleError(error, 'conflict')) throw error;
      // Recorded by another execution of the same attempt, cancelled, or replayed meanwhile: the row is the truth.
      const row = await runOf(run.id);
      const current = recordedAnswer(row, ask, clock.now());
      if (current === undefined) {
        if (ask.claim === undefined) throw error;
        return { next: 'done', state: row.state, reason: 'superseded' };
      }
      return current;
    }
    return decision.delayMs === null
      ? { next: 'done', state: decision.state, reason: decision.reason }
      : { next: 'attempt', attempt: ask.attempt + 1, delay_ms: decision.delayMs };
  };
};

/** What the ledger already says to this ask; undefined: the attempt is still to be made. Pure. */
const recordedAnswer = (
  run: Run,
  ask: Pick<AttemptAsk, 'generation' | 'attempt'>,
  nowMs: number,
): AttemptAnswer | undefined => {
  if (run.generation !== ask.generation) return { next: 'done', state: run.state, reason: 'superseded' };
  if (isFinal(run.state) || run.state === 'held')
    return { next: 'done', state: run.state, reason: run.reason };
  if (run.attempts < ask.attempt) return undefined;
  return { next: 'attempt', attempt: run.attempts + 1, delay_ms: Math.max(0, (run.due_at ?? nowMs) - nowMs) };
};

const isOurs = (outcome: ActionOutcome): boolean => outcome.kind === 'retryable' && outcome.ours === true;

const errorOf = (outcome: ActionOutcome): AttemptRecord['error'] => {
  if (outcome.kind === 'failed' || outcome.kind === 'retryable')
    return { code: outcome.code, message: outcome.message };
  if (outcome.kind === 'denied') return { code: 'denied', message: outcome.reason };
  if (outcome.kind === 'skipped' && outcome.because !== undefined)
    return { code: outcome.reason, message: outcome.because };
  return null;
};
