import type { Clock } from '../kernel/clock.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { MatchResult } from '../events/compiled.ts';
import type { NewId } from '../kernel/ids.ts';
import { pendingClaim } from './claim-key.ts';
import type { Mode } from './mode.ts';
import type { Run, RunState } from './run.ts';
import type { Target } from './target.ts';

/** Past this many runs between an event and its first cause, nothing reacts any more. */
export const MAX_DEPTH = 8;

/** The sweeper looks at a run that has not ended this long after it should have moved, ms. */
export const SWEEP_AFTER_MS = 15_000;

/** A run's order key: unique, and sorted as the log is. */
export const orderKey = (position: number, target: string): string =>
  `${String(position).padStart(15, '0')}:${target}`;

/** `hook:<name>:<event id>[:gN]`: set once a generation; a second start of it is refused by Temporal. */
export const directWorkflowId = (target: string, eventId: string, generation: number): string =>
  generation === 0 ? `${target}:${eventId}` : `${target}:${eventId}:g${generation}`;

/** How a matched event begins its life as a run of this target. Pure. */
export const initialState = (
  event: Pick<CrucibleEvent, 'depth'>,
  target: Pick<Target, 'enabled' | 'paused'>,
  match: MatchResult,
): { readonly state: RunState; readonly reason: string | null } => {
  if (match.matched === 'error') return { state: 'failed', reason: 'expression' };
  if (!target.enabled) return { state: 'skipped', reason: 'disabled' };
  if (event.depth > MAX_DEPTH) return { state: 'skipped', reason: 'loop' };
  if (target.paused) return { state: 'held', reason: 'paused' };
  return { state: 'pending', reason: null };
};

/**
 * The row of a new run. A `pending` one that runs directly carries its own workflow id; one that waits for the drain of
 * its target stands in that line, and needs no sweeper: the drains look after whole targets.
 */
export const newRun = (
  event: CrucibleEvent,
  target: Target,
  match: MatchResult,
  deps: {
    readonly clock: Clock;
    readonly newId: NewId;
    /** How a pending run of this target gets to its workflow; asked only for those. Without it: directly. */
    readonly modeOf?: (target: string) => Mode;
  },
): Run => {
  const { state, reason } = initialState(event, target, match);
  const now = deps.clock.now();
  const mode = state === 'pending' ? (deps.modeOf?.(target.id) ?? 'direct') : undefined;
  const order = orderKey(event.position, target.id);
  const ended = state === 'failed' || state === 'skipped';
  return {
    id: deps.newId('run'),
    kind: target.kind,
    target: target.id,
    definition: target.definition,
    event_id: event.id,
    event_type: event.type,
    event_position: event.position,
    newest: -event.position,
    order,
    world: event.world,
    correlation_id: event.correlation_id,
    depth: event.depth,
    key: null,
    generation: 0,
    state,
    reason,
    error: match.matched === 'error' ? match.message.slice(0, 500) : null,
    workflow_id: mode === 'direct' ? directWorkflowId(target.id, event.id, 0) : null,
    temporal_run_id: null,
    ...(mode === 'drain' && { claim: pendingClaim(order) }),
    ...(mode === 'direct' && { start: order }),
    due_at: null,
    sweep_at: mode === 'direct' ? now + SWEEP_AFTER_MS : null,
    attempts: 0,
    created_at: now,
    started_at: null,
    finished_at: ended ? now : null,
  };
};
