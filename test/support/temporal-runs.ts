import type { AttemptPolicy } from '../../src/dispatch/outcome.ts';
import type { Run } from '../../src/dispatch/run.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { AttemptActivities, AttemptReply, AttemptRequest } from '../../workflows/protocol.ts';

/** A pending run of a hook, as the append loop would have written it. */
export const pendingRun = (changes: Partial<Run> = {}): Run => {
  const eventId = newId('evt');
  return {
    id: newId('run'),
    kind: 'hook',
    target: 'hook:notify-important',
    definition: 'ab'.repeat(32),
    event_id: eventId,
    event_type: 'memory.tagged',
    event_position: 7,
    newest: -7,
    order: '000000000000007:hook:notify-important',
    world: 'default',
    correlation_id: newId('cor'),
    depth: 0,
    key: null,
    generation: 0,
    state: 'pending',
    reason: null,
    error: null,
    workflow_id: `hook:notify-important:${eventId}`,
    temporal_run_id: null,
    due_at: null,
    sweep_at: null,
    attempts: 0,
    created_at: 0,
    started_at: null,
    finished_at: null,
    ...changes,
  };
};

export const policy = (changes: Partial<AttemptPolicy> = {}): AttemptPolicy => ({
  timeoutMs: 10_000,
  maxAttempts: 5,
  schedule: { kind: 'fixed', initialMs: 10 },
  jitter: 0,
  local: true,
  ...changes,
});

export const done = (state = 'succeeded', reason: string | null = null): AttemptReply => ({
  next: 'done',
  state,
  reason,
});
export const again = (attempt: number, delayMs: number): AttemptReply => ({
  next: 'attempt',
  attempt,
  delay_ms: delayMs,
});

/** What an attempt does, by run id; and what was asked of it, in order. */
export interface AttemptStage {
  readonly activities: AttemptActivities;
  readonly asked: AttemptRequest[];
  on(runId: string, attempt: (request: AttemptRequest) => AttemptReply | Promise<AttemptReply>): void;
}

export const attemptStage = (): AttemptStage => {
  const asked: AttemptRequest[] = [];
  const by = new Map<string, (request: AttemptRequest) => AttemptReply | Promise<AttemptReply>>();
  return {
    asked,
    on: (runId, attempt) => void by.set(runId, attempt),
    activities: {
      async attempt(request) {
        asked.push(request);
        const attempt = by.get(request.run_id);
        if (attempt === undefined) throw new Error(`nobody expected the run ${request.run_id}`);
        return attempt(request);
      },
    },
  };
};
