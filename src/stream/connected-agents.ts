import type { AgentAnswer, AgentCall, AgentConnections } from '../../activities/agent/index.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';

/** A connection that speaks for an agent. */
export interface AgentLine {
  readonly agentId: string;
  /** The worlds that it speaks in; undefined: all. */
  readonly worlds: readonly string[] | undefined;
  /** Whether it takes what it is sent: one that does not read is given nothing. */
  ready(): boolean;
  send(action: JsonObject): void;
}

/** What a client says of an action; one of them. */
export interface ActionResult {
  readonly outputs?: JsonValue;
  readonly error?: { readonly message: string; readonly retry?: boolean };
}

/** The place of one connection among those of its agent. */
export interface Seat {
  /** @throws CrucibleError `not_found`: this connection is not waited for with this run */
  answer(runId: string, result: ActionResult): void;
  /** The connection is gone: what it had is handed on. Safe to call twice. */
  leave(): void;
}

export interface ConnectedAgents extends AgentConnections {
  join(line: AgentLine): Seat;
  /** Ends all calls, as not the fault of any agent, and those that still come. */
  close(): void;
}

/** A message on which connections end, one after the other, is not given to all that there are. */
const MAX_HOLDERS = 3;

interface Member {
  readonly line: AgentLine;
  readonly held: Map<string, Held>;
  /** How often it has let a deadline pass since its last answer. */
  missed: number;
  /** When it was last given something, in the order of all. */
  given: number;
}

interface Held {
  readonly address: Parameters<AgentConnections['call']>[0];
  readonly call: AgentCall;
  holder: Member | undefined;
  holders: number;
  /** Only the first time counts. */
  end(answer: AgentAnswer): void;
}

const none = (code: string, message: string, ours = false): AgentAnswer => ({
  kind: 'none',
  code,
  message,
  ...(ours && { ours }),
});

const STOPPING = none('stopping', 'The server was stopping', true);

const answerOf = ({ outputs, error }: ActionResult): AgentAnswer =>
  error === undefined
    ? { kind: 'outputs', outputs: outputs ?? null }
    : { kind: 'error', message: error.message, retry: error.retry === true };

/** Those that answer before those that let deadlines pass, then those with less to do, then whose turn it is. */
const byTurn = (a: Member, b: Member): number =>
  a.missed - b.missed || a.held.size - b.held.size || a.given - b.given;

/**
 * Who is connected to this process, and who of them has which action. A call:
 *
 *     asked --no connection of the agent takes it--> over (`not_connected`)
 *     asked --one does--> held
 *     held --its holder leaves, another connection takes it--> held, by that one
 *     held --its holder leaves, none takes it, or three have left--> over (`disconnected`)
 *     held --its holder answers--> over, with that answer
 *     held --the time is up--> over (`timeout`)
 *     held --aborted--> over (`aborted`)
 *     held --the same run is called for again--> over (`superseded`), and the new call is asked
 *     asked, held --the server stops--> over (`stopping`)
 *
 * Guarantee: a call has one holder at a time, and its holder's answer is the only one that counts.
 */
export const createConnectedAgents = (): ConnectedAgents => {
  const members = new Set<Member>();
  const calls = new Map<string, Held>();
  let turns = 0;
  let closed = false;

  const free = ({ world, agentId }: Held['address']): Member | undefined =>
    [...members]
      .filter(
        ({ line }) =>
          line.agentId === agentId &&
          (line.worlds === undefined || line.worlds.includes(world)) &&
          line.ready(),
      )
      .toSorted(byTurn)[0];

  /** False: nobody takes it. */
  const give = (held: Held): boolean => {
    const member = held.holders < MAX_HOLDERS ? free(held.address) : undefined;
    held.holder = member;
    if (member === undefined) return false;
    turns += 1;
    member.given = turns;
    held.holders += 1;
    member.held.set(held.call.runId, held);
    member.line.send(held.call.message);
    return true;
  };

  const call: AgentConnections['call'] = (address, asked) =>
    new Promise((resolve) => {
      if (closed) return resolve(STOPPING);
      if (asked.signal.aborted) return resolve(none('aborted', 'The attempt was aborted'));
      const { runId, signal, timeoutMs } = asked;
      const onAbort = (): void => held.end(none('aborted', 'The attempt was aborted'));
      const held: Held = {
        address,
        call: asked,
        holder: undefined,
        holders: 0,
        end(answer) {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          held.holder?.held.delete(runId);
          held.holder = undefined;
          if (calls.get(runId) === held) calls.delete(runId);
          resolve(answer);
        },
      };
      const timer = setTimeout(() => {
        if (held.holder !== undefined) held.holder.missed += 1;
        held.end(none('timeout', `The agent ${address.agentId} did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      signal.addEventListener('abort', onAbort);
      calls.get(runId)?.end(none('superseded', 'The run was asked for again', true));
      calls.set(runId, held);
      if (give(held)) return;
      held.end(none('not_connected', `No connection of the agent ${address.agentId} takes actions now`));
    });

  const join: ConnectedAgents['join'] = (line) => {
    const member: Member = { line, held: new Map(), missed: 0, given: 0 };
    members.add(member);
    return {
      answer(runId, result) {
        const held = member.held.get(runId);
        if (held === undefined) {
          throw new CrucibleError('not_found', 'No answer of this connection to this run is waited for', {
            hint: 'Its deadline has passed, it was answered, or it was given to another connection.',
          });
        }
        member.missed = 0;
        held.end(answerOf(result));
      },
      leave() {
        members.delete(member);
        for (const held of member.held.values()) {
          member.held.delete(held.call.runId);
          if (give(held)) continue;
          held.end(none('disconnected', `The agent ${line.agentId} went before it answered`));
        }
      },
    };
  };

  return {
    call,
    join,
    close() {
      closed = true;
      for (const held of calls.values()) held.end(STOPPING);
    },
  };
};
