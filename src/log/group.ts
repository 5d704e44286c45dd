import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { IDEMPOTENCY_TABLE, idempotencyRecord } from './idempotency.ts';
import type { AppendRequest, AppendResult, Committed, Expectation, Reactor } from './log.ts';
import type { Prior } from './prior.ts';
import { hasWritten, type Queued } from './queue.ts';
import type { Row } from './records.ts';
import { createRowOverlay, type RowOverlay } from './row-overlay.ts';
import { subjectKey } from './subject-versions.ts';
import type { Ticket } from './ticket.ts';
import type { TableWrites } from './store.ts';

type TableRow = Committed['reactions'][number];

/** What a group comes to: one commit, an answer for each request that holds, an error for each that does not. */
export interface JudgedGroup {
  readonly events: readonly CrucibleEvent[];
  readonly writes: readonly TableWrites[];
  readonly committed: Omit<Committed, 'batch'>;
  readonly accepted: readonly { readonly queued: Queued; readonly result: AppendResult }[];
  readonly refused: readonly { readonly queued: Queued; readonly error: Error }[];
  /** Those that did not fit any more, in order. */
  readonly left: readonly Queued[];
}

export interface GroupInput {
  readonly group: readonly Queued[];
  readonly prior: Prior;
  readonly reactor: Reactor;
  /** The position before the group's first event. */
  readonly head: number;
  readonly timeMs: number;
  /** Rows after which no further request is taken. */
  readonly maxRows: number;
  /** What the events of one request may cause. */
  readonly maxRuns: number;
}

/**
 * Judges the requests of a group in order, each against what the ones before it do. Decides only; writes nothing. When
 * it returns, the reactor is staged and waits for `adopt` or `discard`.
 *
 * Within a request: its expectations and guards are checked first; then its events are matched against the registry as
 * it stood before the request; then its registry changes are staged, so that they hold for the next request.
 */
export const judgeGroup = (input: GroupInput): JudgedGroup => {
  const broken: { queued: Queued; error: Error }[] = [];
  for (;;) {
    const group = input.group.filter((queued) => !broken.some((b) => b.queued === queued));
    const judged = judgeOnce({ ...input, group });
    if (!('failed' in judged)) return { ...judged, refused: [...broken, ...judged.refused] };
    // The reactor may have half of the request staged: forget all of it, and judge the others anew.
    input.reactor.discard();
    broken.push({ queued: judged.failed, error: reactionFailed(judged.cause) });
  }
};

const reactionFailed = (cause: unknown): CrucibleError =>
  isCrucibleError(cause, 'payload_too_large')
    ? cause
    : new CrucibleError(
        'internal',
        'What the events cause could not be determined, so they were not written',
        {
          cause,
        },
      );

const tooManyRuns = (maxRuns: number): CrucibleError =>
  new CrucibleError(
    'payload_too_large',
    `The events of a request may cause ${maxRuns} runs, these cause more`,
    {
      hint: 'Publish fewer events at a time, or narrow the filters of the hooks and webhooks that match them.',
    },
  );

const judgeOnce = (input: GroupInput): JudgedGroup | { readonly failed: Queued; readonly cause: unknown } => {
  const { group, prior, reactor, maxRows, maxRuns } = input;
  const state: GroupState = {
    events: [],
    byId: new Map(),
    versions: new Map(prior.versions),
    rows: createRowOverlay(prior.rows),
    reactions: [],
    records: [],
  };
  const timestamp = new Date(input.timeMs).toISOString();
  const accepted: { queued: Queued; result: AppendResult }[] = [];
  const refused: { queued: Queued; error: Error }[] = [];
  /** What this commit writes. */
  const written = new Set<Ticket>();
  let judged = 0;

  reactor.begin();
  for (const queued of group) {
    if (judged > 0 && state.rows.size() + state.reactions.length >= maxRows) break;
    judged += 1;
    let plan: RequestPlan;
    try {
      checkFounded(queued.request, written);
      plan = planRequest(queued.request, state, prior);
    } catch (error) {
      refused.push({ queued, error: error instanceof Error ? error : new Error(String(error)) });
      continue;
    }
    const events = plan.map(
      (item) => item.stored ?? place(item.fresh, input.head + state.events.length + 1, timestamp, state),
    );
    const reactionsBefore = state.reactions.length;
    try {
      for (const [i, event] of events.entries()) {
        if (plan[i]?.stored !== undefined) continue;
        for (const reaction of reactor.react(event)) state.reactions.push(reaction);
        if (state.reactions.length - reactionsBefore > maxRuns) throw tooManyRuns(maxRuns);
      }
      for (const change of queued.request.changes ?? []) reactor.stage(change);
    } catch (cause) {
      return { failed: queued, cause };
    }
    const result = settle(queued.request, plan, events, state, input.timeMs);
    accepted.push({ queued, result });
    const { ticket } = queued.request;
    if (ticket !== undefined && hasWritten(result)) written.add(ticket);
  }

  return {
    events: state.events,
    writes: [...mergeWrites(state.rows.writes(), state.reactions), ...recordWrites(state.records, prior)],
    committed: {
      events: state.events,
      reactions: state.reactions,
      changed: state.rows.changed(),
      removed: state.rows.removed(),
    },
    accepted,
    refused,
    left: group.slice(judged),
  };
};

interface GroupState {
  readonly events: CrucibleEvent[];
  readonly byId: Map<string, CrucibleEvent>;
  readonly versions: Map<string, number>;
  readonly rows: RowOverlay;
  readonly reactions: TableRow[];
  readonly records: Row[];
}

/** For each event of a request: the one that is there already, or the one to write. */
type RequestPlan = readonly (
  { readonly stored: CrucibleEvent } | { readonly stored?: undefined; readonly fresh: NewEvent }
)[];

/** Checks a request and applies its mutations; throws with nothing changed. */
const planRequest = (request: AppendRequest, state: GroupState, prior: Prior): RequestPlan => {
  const plan = request.events.map((event, i) => {
    if (request.clientIds !== true) return { fresh: event };
    const stored = state.byId.get(event.id) ?? prior.events.get(event.id);
    if (stored === undefined) return { fresh: event };
    if (stored.world !== event.world) throw idTaken(event.id, i);
    return { stored };
  });
  refuseTwins(request);
  // All of it is there already: this is a repeat, and what it asked for has happened.
  if (plan.length > 0 && plan.every((item) => 'stored' in item)) return plan;
  checkExpectations(request.expect ?? [], state.versions);
  state.rows.apply(request.mutations ?? []);
  return plan;
};

/** What was decided upon a request that wrote nothing was decided upon what never was. */
const checkFounded = ({ after = [] }: AppendRequest, written: ReadonlySet<Ticket>): void => {
  if (after.every((ticket) => ticket.outcome === 'written' || written.has(ticket))) return;
  throw new CrucibleError('conflict', 'A change that this one was decided upon was not written', {
    hint: 'Decide again, upon what is there.',
  });
};

const idTaken = (id: string, index: number): CrucibleError =>
  new CrucibleError('already_exists', `The event id ${id} is taken`, {
    issues: [{ path: `events.${index}.id`, message: 'is taken' }],
    hint: 'Give each event a fresh evt_<UUIDv7>.',
  });

const refuseTwins = (request: AppendRequest): void => {
  const seen = new Set<string>();
  for (const [i, { id }] of request.events.entries()) {
    if (seen.has(id)) throw idTaken(id, i);
    seen.add(id);
  }
};

const checkExpectations = (expect: readonly Expectation[], versions: ReadonlyMap<string, number>): void => {
  const issues = expect.flatMap(({ subject, world, version }, i) => {
    const actual = versions.get(subjectKey(subject, world)) ?? 0;
    const holds =
      version === 'any' ||
      (version === 'no_stream' && actual === 0) ||
      (version === 'exists' && actual > 0) ||
      version === actual;
    if (holds) return [];
    const is = actual === 0 ? 'has no events' : `is at version ${actual}`;
    return [
      {
        path: `expect.${i}.version`,
        message: `subject "${subject}" in world "${world}" ${is}, expected ${version}`,
      },
    ];
  });
  if (issues.length === 0) return;
  throw new CrucibleError('expectation_failed', issues.map(({ message }) => message).join('; '), {
    issues,
    hint: 'Read the subject again, decide again, and send what still holds.',
  });
};

const place = (event: NewEvent, position: number, timestamp: string, state: GroupState): CrucibleEvent => {
  const placed: CrucibleEvent = { ...event, position, timestamp };
  state.events.push(placed);
  state.byId.set(placed.id, placed);
  if (placed.subject !== null) {
    const key = subjectKey(placed.subject, placed.world);
    if (state.versions.has(key)) state.versions.set(key, position);
  }
  return placed;
};

const settle = (
  request: AppendRequest,
  plan: RequestPlan,
  events: readonly CrucibleEvent[],
  state: GroupState,
  nowMs: number,
): AppendResult => {
  if (request.idempotency !== undefined) {
    const positions = events.map(({ position }) => position);
    state.records.push(idempotencyRecord(request.idempotency, positions, request.answer, nowMs));
  }
  return {
    events,
    duplicates: plan.map((item) => item.stored !== undefined),
    ...(request.answer === undefined ? {} : { answer: request.answer }),
  };
};

const mergeWrites = (writes: readonly TableWrites[], fresh: readonly TableRow[]): readonly TableWrites[] => {
  const merged = new Map<
    string,
    { table: string; insert: Row[]; update: readonly Row[]; remove: readonly string[] }
  >(writes.map((write) => [write.table, { ...write, insert: [...write.insert] }]));
  for (const { table, row } of fresh) {
    const write = merged.get(table);
    if (write === undefined) merged.set(table, { table, insert: [row], update: [], remove: [] });
    else write.insert.push(row);
  }
  return [...merged.values()];
};

/** A record that has expired is still there, and is written over. */
const recordWrites = (records: readonly Row[], prior: Prior): readonly TableWrites[] => {
  if (records.length === 0) return [];
  const { update = [], insert = [] } = Object.groupBy(records, ({ id }) =>
    prior.keys.has(id) ? 'update' : 'insert',
  );
  return [{ table: IDEMPOTENCY_TABLE.name, insert, update, remove: [] }];
};
