import type { Catalogue, KnownType } from '../events/catalogue.ts';
import { buildEvent, type EventInput } from '../events/build.ts';
import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import type { AppendRequest, AppendResult, Idempotency, Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import type { Change, GraphChange, Proposal } from './change.ts';

/**
 * Asked before a change is decided. Lets the intended events through, changes their payloads, or throws.
 * Here is where pre hooks will stand; until there are any, everything passes.
 */
export type Gate = (intended: readonly Proposal[], origin: Origin) => Promise<readonly Proposal[]>;

/** Turns changes of the graph of one world into rows and events. Reads the stored graph; called one at a time. */
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
}

/** What was decided: the change, and what to answer to the caller (kept with the idempotency key; no secrets). */
export interface Decided {
  readonly change: Change;
  readonly answer?: JsonObject;
}

interface Written {
  readonly events: readonly CrucibleEvent[];
  /** What `decide` answered; of a repeated request what it answered the first time. */
  readonly answer: JsonObject | undefined;
  /** The idempotency key was known: nothing was written now. */
  readonly repeated: boolean;
}

export interface StateWriter {
  /**
   * The one path of every change of memory, graph, files and agents: gate, decision, then events, rows and the graph in
   * one transaction.
   *
   * Guarantee: decisions are made one at a time, each after the commit of the one before, so what `decide` reads is what
   * the change is applied to. Writers in other processes are met by the guards of the mutations: where one does not hold
   * `decide` is asked again. A request whose idempotency key is known is neither gated nor decided.
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

export const createStateWriter = (deps: {
  readonly log: Pick<Log, 'append' | 'answered'>;
  readonly expandGraph: ExpandGraph;
  readonly gate: Gate;
  readonly newId: NewId;
  readonly catalogue?: Catalogue;
}): StateWriter => {
  const { log, newId, catalogue } = deps;
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

  const firstAnswer = async (idempotency: Idempotency | undefined): Promise<Written | undefined> => {
    const first = idempotency === undefined ? undefined : await log.answered(idempotency);
    return first === undefined ? undefined : repeatOf(first);
  };

  const decideAndAppend = async (
    decide: () => Promise<Decided>,
    origin: Origin,
    idempotency: Idempotency | undefined,
  ): Promise<Written> => {
    for (let tries = 1; ; tries += 1) {
      const decided = await decide();
      const request = await requestOf(decided, origin, idempotency);
      if (request === undefined) return { events: [], answer: decided.answer, repeated: false };
      try {
        const result = await log.append(request);
        if (result.repeated === true) return repeatOf(result);
        return { events: result.events, answer: decided.answer, repeated: false };
      } catch (error) {
        if (!isOvertaken(error) || tries >= MAX_TRIES) throw error;
      }
    }
  };

  /** The end of the line of decisions; a failed one does not hold up the next. */
  let last: Promise<unknown> = Promise.resolve();
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  return {
    write: async (decide, { intended = [], idempotency, origin = currentOrigin() } = {}) => {
      if (origin === undefined)
        throw new CrucibleError('internal', 'state was changed outside of any request');
      // A repeat is answered before anybody is asked: what it asked for has happened, and may not be possible again.
      const known = await firstAnswer(idempotency);
      if (known !== undefined) return known;
      const passed = intended.length === 0 ? intended : await deps.gate(intended, origin);
      return inLine(
        async () =>
          (await firstAnswer(idempotency)) ??
          (await decideAndAppend(() => decide(passed), origin, idempotency)),
      );
    },
  };
};

const repeatOf = ({ events, answer }: AppendResult): Written => ({ events, answer, repeated: true });

/** The log refused a guard: a row that was read is another by now, has come, or has gone. */
const isOvertaken = (error: unknown): boolean =>
  isCrucibleError(error, 'conflict') ||
  isCrucibleError(error, 'already_exists') ||
  isCrucibleError(error, 'not_found');
