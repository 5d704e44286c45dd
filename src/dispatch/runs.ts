import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Idempotency, Log } from '../log/log.ts';
import type { Row } from '../log/records.ts';
import { buildEvent } from './build-event.ts';
import { directWorkflowId, SWEEP_AFTER_MS } from './new-run.ts';
import type { Policies } from './policies.ts';
import { insertAttempt, readAttempts } from './attempt-rows.ts';
import { RUN_TABLE, type Run } from './run.ts';
import type { RunService } from './run-service.ts';
import { createEndings } from './settle.ts';
import { FINAL_STATES, isFinal } from './states.ts';
import type { BuildEvent } from './terminal-event.ts';
import { runFrom } from './rows.ts';

/** Of one read by index. */
const MAX_READ = 1_000;

const CURSOR = /^r1\.(\d{1,15})$/;

/** Newest first by `newest`, which is unique within a target: the cursor is the last one shown. */
const afterOf = (cursor: string | undefined): number | undefined => {
  if (cursor === undefined) return undefined;
  const match = CURSOR.exec(cursor);
  if (match === null) {
    throw new CrucibleError('bad_cursor', 'the cursor is not one that this list gave', {
      hint: 'pass next_cursor as it came, or leave it out to begin anew',
    });
  }
  return -Number(match[1]);
};

/** How often a change is tried on a run that moves under it. */
const MAX_TRIES = 5;

/** Reads of the ledger, and what a person changes in it: replay and cancel. */
export const createRunService = (deps: {
  readonly log: Log;
  readonly policies: Policies;
  /** Default: events of known types, checked against their schemas. */
  readonly buildEvent?: BuildEvent;
  readonly clock: Clock;
}): RunService => {
  const { log } = deps;
  const endingOf = createEndings({ ...deps, buildEvent: deps.buildEvent ?? buildEvent });

  const runOf = async (id: string): Promise<Run> => {
    const row = await log.records.get(RUN_TABLE.name, id);
    if (row === undefined) throw new CrucibleError('not_found', `there is no run ${id}`);
    return runFrom(row);
  };

  const cancel = async (id: string, idempotency: Idempotency | undefined, tries: number): Promise<Run> => {
    const known = idempotency === undefined ? undefined : await log.answered(idempotency);
    if (known?.answer !== undefined) return runFrom(known.answer['run'] as Row);
    const run = await runOf(id);
    if (isFinal(run.state))
      throw new CrucibleError('conflict', `run ${id} is ${run.state}; it has ended`, {
        hint: 'replay runs it again',
      });
    const { events, mutations, ended } = await endingOf(run, {
      state: 'cancelled',
      reason: 'cancelled',
      error: null,
    });
    try {
      const { answer } = await log.append({
        events,
        mutations,
        answer: { run: ended },
        ...(idempotency === undefined ? {} : { idempotency }),
      });
      return runFrom(answer?.['run'] as Row);
    } catch (error) {
      if (!isCrucibleError(error, 'conflict') || tries >= MAX_TRIES) throw error;
      return cancel(id, idempotency, tries + 1);
    }
  };

  return {
    get: async (id) => {
      const run = await runOf(id);
      const [attempts, definition] = await Promise.all([
        readAttempts(log.records, run),
        deps.policies.definition(run),
      ]);
      await log.settled();
      return { run, attempts, definition };
    },

    list: async (target, { state, limit, cursor }) => {
      const after = afterOf(cursor);
      const rows = await log.records.byIndex({
        table: RUN_TABLE.name,
        ...(state === undefined
          ? { index: 'run_target', equals: [target] }
          : { index: 'run_target_state', equals: [target, state] }),
        ...(after !== undefined && { after }),
        // One more tells whether there is a next page; past the most that a read gives, a full page says so.
        limit: Math.min(limit + 1, MAX_READ),
      });
      await log.settled();
      const data = rows.slice(0, limit).map(runFrom);
      const last = data.at(-1);
      return {
        data,
        next_cursor:
          rows.length > Math.min(limit, MAX_READ - 1) && last !== undefined
            ? `r1.${last.event_position}`
            : null,
      };
    },

    ofEvent: async (eventPosition) => {
      const runs: Run[] = [];
      for (;;) {
        const after = runs.at(-1)?.target;
        const rows = await log.records.byIndex({
          table: RUN_TABLE.name,
          index: 'run_event',
          equals: [eventPosition],
          ...(after !== undefined && { after }),
          limit: MAX_READ,
        });
        runs.push(...rows.map(runFrom));
        if (rows.length < MAX_READ) return runs;
      }
    },

    cancel: (id, { idempotency } = {}) => cancel(id, idempotency, 1),

    replay: async (id, { idempotency } = {}) => {
      const run = await runOf(id);
      const generation = run.generation + 1;
      const now = deps.clock.now();
      const last = run.last_attempt ?? null;
      const set = {
        state: 'pending',
        reason: null,
        error: null,
        generation,
        workflow_id: directWorkflowId(run.target, run.event_id, generation),
        temporal_run_id: null,
        start: run.order,
        claim: null,
        due_at: null,
        sweep_at: now + SWEEP_AFTER_MS,
        attempts: 0,
        uncharged: 0,
        last_attempt: null,
        started_at: null,
        finished_at: null,
      } as const;
      try {
        const { answer } = await log.append({
          events: [],
          mutations: [
            {
              op: 'patch',
              table: RUN_TABLE.name,
              id,
              when: { generation: run.generation, state: FINAL_STATES },
              set,
            },
            ...(last === null ? [] : [insertAttempt(run, last)]),
          ],
          answer: { run: { ...run, ...set } },
          ...(idempotency === undefined ? {} : { idempotency }),
        });
        return runFrom(answer?.['run'] as Row);
      } catch (error) {
        if (!isCrucibleError(error, 'conflict')) throw error;
        const { state } = await runOf(id);
        throw new CrucibleError(
          'conflict',
          `run ${id} is ${state}; only a run that has ended can be replayed`,
          {
            hint: 'wait for it to end, or cancel it first',
          },
        );
      }
    },
  };
};
