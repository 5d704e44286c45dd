import type { Catalogue, KnownType } from '../events/catalogue.ts';
import { buildEvent, type EventInput } from '../events/build.ts';
import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import type { LeadingLog } from '../log/create-log.ts';
import type { AppendRequest, AppendResult, Idempotency } from '../log/log.ts';
import type { Ticket } from '../log/ticket.ts';
import type { Mutation } from '../log/records.ts';
import type { Change, GraphChange, Proposal } from './change.ts';
import { createKeyTurns } from './key-turns.ts';
import { createLine } from './line.ts';

/**
 * Asked before a change is decided. Lets the intended events through, changes their payloads, or throws.
 * Here is where pre hooks will stand; until there are any, everything passes.
 */
export type Gate = (intended: readonly Proposal[], origin: Origin) => Promise<readonly Proposal[]>;

/** Turns changes of the graph of one world into rows and events. Reads the graph's rows; called one at a time. */
export type ExpandGraph = (
  changes: readonly GraphChange[],
  world: string,
) => Promise<{ readonly events: readonly Proposal[]; readonly mutations: readonly Mutation[] }>;

interface WriteOptions {
  /** The events that the caller is about to cause, for the gate. Without any the gate is not asked. */
  readonly intended?: readonly Proposal[];
  readonly idempotency?: Idempotency;
  /** On whose behalf; default the origin of the request or run that is being worked on. */
  readonly origin?: Origin;
  /**
   * To be decided when nothing is under way: for who reads besides the records of the log what follows its commits in
   * memory. Default false.
   */
  readonly alone?: boolean;
}

/** What was decided: the change, and what to answer to the caller (kept with the idempotency key; no secrets). */
export interface Decided {
  readonly change: Change;
  readonly answer?: JsonObject;
}

export interface Written {
  readonly events: readonly CrucibleEvent[];
  /** What `decide` answered; of a repeated request what it answered the first time. */
  readonly answer: JsonObject | undefined;
  /** The idempotency key was known: nothing was written now. */
  readonly repeated: boolean;
}

/*
 * States of a change:
 *
 *   asked      an earlier request with its idempotency key is waited for; then the gate is asked   -> in line, refused
 *   in line    decisions are made one at a time, in the order in which they came here              -> deciding
 *   deciding   reads the state as the changes under way will leave it                              -> under way, resting
 *   under way  handed to the log, and the next decision begins        -> written, in line (decided anew), failed
 *   resting    nothing to write, or a refusal: both may owe to changes under way, and hold once these are written
 *                                                                      -> answered, in line (decided anew)
 */
export interface StateWriter {
  /**
   * The one path of every change of memory, graph, files and agents: gate, decision, then events, rows and the graph in
   * one transaction, so that many changes share one commit.
   *
   * Guarantees:
   * - What `decide` reads of the records of the log is what the change is applied to. Decisions are made one at a time,
   *   each on the rows as the ones before it leave them. A change that was decided upon one that is then not written is
   *   not written either, and is decided anew.
   * - The order of the events is the order of the decisions.
   * - Nobody is answered before what the answer owes to is committed: neither its own change nor those it was decided upon.
   * - Writers in other processes, or beside this one, are met by the guards of the mutations: where one does not hold
   *   `decide` is asked again.
   * - A request whose idempotency key is known is neither gated nor decided.
   * - Who waits in line for a database that does not answer waits no longer than one decision does.
   * @param decide is called with the intended events as the gate left them; may be called several times, and what it
   *   throws is final
   * @throws CrucibleError what the gate and `decide` throw, and those of `Log.append`
   */
  write(
    decide: (intended: readonly Proposal[]) => Promise<Decided>,
    options?: WriteOptions,
  ): Promise<Written>;
}

/** How often a change is decided anew because a row had changed under it. */
const MAX_TRIES = 5;
/** What may be under way when a decision begins. The rows and events are about one commit's worth. */
const MAX_UNDER_WAY = { changes: 256, weight: 4_096 };

/** A decision that was made in its turn. */
type Turn =
  | {
      readonly appended: Promise<AppendResult>;
      readonly answer: JsonObject | undefined;
      /** The changes that it was made upon. */
      readonly rests: readonly Ticket[];
      /** Others were under way when it was handed over. */
      readonly company: boolean;
    }
  /** Nothing is to be written, or nothing can be. */
  | {
      readonly appended: undefined;
      readonly decided: PromiseSettledResult<Decided>;
      readonly rests: readonly Ticket[];
    };

interface Given {
  readonly origin: Origin;
  readonly idempotency: Idempotency | undefined;
  readonly alone: boolean;
}

export const createStateWriter = (deps: {
  readonly log: Pick<LeadingLog, 'append' | 'answered' | 'records' | 'refusal'>;
  readonly expandGraph: ExpandGraph;
  readonly gate: Gate;
  readonly newId: NewId;
  readonly catalogue?: Catalogue;
}): StateWriter => {
  const { log, newId, catalogue } = deps;
  const line = createLine(MAX_UNDER_WAY);
  const inTurnOfKey = createKeyTurns();
  /** How many decisions have begun. */
  let begun = 0;
  /** The last one that the database did not answer. */
  let unanswered: { readonly decision: number; readonly error: unknown } | undefined;

  const build = (proposal: Proposal, origin: Origin): NewEvent =>
    // A proposal is an input whose payload fits its type; TypeScript cannot follow that through the union.
    buildEvent(proposal as unknown as EventInput<KnownType>, origin, {
      newId,
      ...(catalogue === undefined ? undefined : { catalogue }),
    });

  /** What is to be appended; undefined where the decision changes nothing that must be remembered. */
  const requestOf = async (
    { change, answer }: Decided,
    origin: Origin,
    idempotency: Idempotency | undefined,
  ): Promise<AppendRequest | undefined> => {
    const graph = await deps.expandGraph(change.graph ?? [], origin.world);
    const events = [...change.events, ...graph.events].map((proposal) => build(proposal, origin));
    const mutations = [...change.mutations, ...graph.mutations];
    const { registry = [] } = change;
    if (events.length + mutations.length + registry.length === 0 && idempotency === undefined)
      return undefined;
    return {
      events,
      mutations,
      changes: registry,
      ...(answer === undefined ? undefined : { answer }),
      ...(idempotency === undefined ? undefined : { idempotency }),
    };
  };

  /**
   * One after another they would wait for a database that is away, each as long as a read may take.
   * @param came how many decisions had begun when its caller came
   */
  const assertAnswers = (came: number): void => {
    const refusal = log.refusal();
    if (refusal !== undefined) throw refusal;
    if (unanswered !== undefined && unanswered.decision > came) throw unanswered.error;
  };

  const takeTurn = async (decide: () => Promise<Decided>, given: Given, came: number): Promise<Turn> => {
    await line.room();
    if (given.alone) await line.underWay.ended();
    assertAnswers(came);
    begun += 1;
    const decision = log.records.decision(line.underWay);
    const made = await settled(
      decision.run(async () => {
        const decided = await decide();
        const request = await requestOf(decided, given.origin, given.idempotency);
        return { decided, request, leaves: await decision.leaves(request?.mutations ?? []) };
      }),
    );
    const rests = decision.restsOn();
    if (made.status === 'rejected' && isCrucibleError(made.reason, 'log_unavailable'))
      unanswered = { decision: begun, error: made.reason };
    if (made.status === 'rejected') return { appended: undefined, decided: made, rests };
    const { decided, request, leaves } = made.value;
    if (request === undefined)
      return { appended: undefined, decided: { status: 'fulfilled', value: decided }, rests };
    const company = line.underWay.size > 0;
    const ticket: Ticket = { outcome: 'waiting' };
    // Outside of `run`: what the log does from here on for others must not see what this decision saw.
    const appended = log.append({ ...request, ticket, after: rests });
    line.add(ticket, leaves, request, appended);
    return { appended, answer: decided.answer, rests, company };
  };

  const decideAndAppend = async (decide: () => Promise<Decided>, given: Given): Promise<Written> => {
    let { alone } = given;
    for (let tries = 1; ;) {
      const came = begun;
      const turn = await line.inTurn(() => takeTurn(decide, { ...given, alone }, came));
      if (turn.appended === undefined) {
        await line.underWay.ended(turn.rests);
        if (haveCome(turn.rests)) return unwritten(turn.decided);
      } else {
        try {
          const result = await turn.appended;
          if (result.repeated === true) return repeatOf(result);
          return { events: result.events, answer: turn.answer, repeated: false };
        } catch (error) {
          if (isOvertaken(error) && haveCome(turn.rests)) {
            if (tries >= MAX_TRIES) throw error;
            tries += 1;
            continue;
          }
          const crowded = turn.company && isCrucibleError(error, 'overloaded');
          if (!crowded && !isOvertaken(error)) throw error;
        }
      }
      // It was decided upon what has not come to be, or had no room beside others: no fault of its own, so this was no
      // try, and the next one rests on nobody.
      alone = true;
    }
  };

  return {
    write: async (decide, { intended = [], idempotency, origin = currentOrigin(), alone = false } = {}) => {
      if (origin === undefined)
        throw new CrucibleError('internal', 'state was changed outside of any request');
      return inTurnOfKey(idempotency, async () => {
        // A repeat is answered before anybody is asked: what it asked for has happened, and may not be possible again.
        const first = idempotency === undefined ? undefined : await log.answered(idempotency);
        if (first !== undefined) return repeatOf(first);
        const passed = intended.length === 0 ? intended : await deps.gate(intended, origin);
        return decideAndAppend(() => decide(passed), { origin, idempotency, alone });
      });
    },
  };
};

const settled = async <T>(work: Promise<T>): Promise<PromiseSettledResult<T>> => {
  const [result] = await Promise.allSettled([work]);
  return result;
};

const unwritten = (decided: PromiseSettledResult<Decided>): Written => {
  if (decided.status === 'rejected') throw decided.reason;
  return { events: [], answer: decided.value.answer, repeated: false };
};

const haveCome = (tickets: readonly Ticket[]): boolean =>
  tickets.every(({ outcome }) => outcome === 'written');

const repeatOf = ({ events, answer }: AppendResult): Written => ({ events, answer, repeated: true });

/** The log refused a guard: a row that was read is another by now, has come, or has gone. */
const isOvertaken = (error: unknown): boolean =>
  isCrucibleError(error, 'conflict') ||
  isCrucibleError(error, 'already_exists') ||
  isCrucibleError(error, 'not_found');
