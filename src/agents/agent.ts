import type { CrucibleEvent } from '../events/envelope.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Idempotency } from '../log/log.ts';
import type { RunState } from '../dispatch/run.ts';
import type { AgentAction, AgentInput } from './input.ts';

/** Options of what takes effect once under a key. */
export interface Once {
  readonly idempotency?: Idempotency;
}

/** A page of a list by id. */
interface IdPage {
  /** Only ids after this one. */
  readonly after?: string;
  readonly limit: number;
}

/** An agent as reads show it. Its secrets are not in it: headers name them. */
export interface AgentView {
  /** Unique within its world. */
  readonly id: string;
  readonly world: string;
  readonly name: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly actions: readonly AgentAction[];
  readonly metadata: JsonObject;
  /** The rooms that it is a member of, sorted. */
  readonly rooms: readonly string[];
  /** Content hash of what its runs execute. */
  readonly definition: string;
  /** ms since the epoch */
  readonly created_at: number;
}

/** Everything here acts in the world of the current origin, or in the one that is named. */
export interface AgentService {
  /** @throws CrucibleError `invalid`, `egress_denied`, `already_exists`, and those of `Log.append` */
  register(input: AgentInput, options?: Once): Promise<AgentView>;
  /** @throws CrucibleError `not_found` */
  get(world: string, id: string): Promise<AgentView>;
  list(world: string, page: IdPage): Promise<readonly AgentView[]>;
  /** Its memberships and tools go with it; its runs that have not ended are skipped. @throws CrucibleError `not_found` */
  unregister(id: string, options?: { readonly reason?: string }): Promise<void>;
}

/** How an action stands. `outputs` and `error` are null until it has ended. */
export interface ActionResult {
  readonly run_id: string;
  readonly event_id: string;
  readonly state: RunState;
  /** Nothing more happens to it. */
  readonly ended: boolean;
  readonly outputs: JsonValue;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface ActionService {
  /**
   * Has an agent do something. The request is committed with its run before this waits for anything, so that whoever goes
   * away changes nothing; under a known idempotency key it waits for the run of the first request.
   * @param waitMs how long to wait for its end
   * @throws CrucibleError `not_found` (the agent), `invalid` (the action, or its inputs), and those of `Log.append`
   */
  execute(
    id: string,
    request: { readonly action: string; readonly inputs: JsonObject },
    options: Once & { readonly waitMs: number },
  ): Promise<ActionResult>;
}

interface SentMessage {
  readonly message_id: string;
  readonly event_id: string;
  /** How many agents got it. */
  readonly recipients: number;
}

export interface MessageService {
  /** @throws CrucibleError `not_found` (the sender), `invalid` (whom it is for), `forbidden` (not a member), `payload_too_large` */
  send(
    from: string,
    message: { readonly content: string } & ({ readonly to: string } | { readonly room: string }),
    options?: Once,
  ): Promise<SentMessage>;
}

export interface RoomView {
  readonly id: string;
  readonly world: string;
  readonly name: string | null;
  readonly metadata: JsonObject;
  /** How many agents are in it. */
  readonly members: number;
  readonly created_at: number;
}

export interface RoomService {
  /** @throws CrucibleError `already_exists` */
  create(
    input: { readonly room: string; readonly name?: string; readonly metadata?: JsonObject },
    options?: Once,
  ): Promise<RoomView>;
  list(world: string, page: IdPage): Promise<readonly RoomView[]>;
  /** The agents in it. @throws CrucibleError `not_found` */
  members(world: string, room: string, page: IdPage): Promise<readonly { readonly id: string }[]>;
  /** Every member leaves it. @throws CrucibleError `not_found` */
  remove(room: string): Promise<void>;
  /** Once more is the same as once. @throws CrucibleError `not_found` (the agent), `invalid` (the room), `conflict` (full) */
  join(agent: string, room: string, options?: Once): Promise<void>;
  /** @throws CrucibleError `not_found`: there is no such agent, or it is not in that room */
  leave(agent: string, room: string): Promise<void>;
}

export interface ToolView {
  readonly name: string;
  readonly description: string | null;
  /** The JSON Schema of what it takes; null: anything. */
  readonly parameters: JsonObject | null;
  readonly created_at: number;
}

interface ToolUse {
  readonly inputs?: JsonObject;
  readonly outputs?: JsonValue;
  readonly duration_ms: number;
  readonly success: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ToolService {
  /** @throws CrucibleError `not_found`, `invalid`, `already_exists`, `conflict` (too many) */
  create(
    agent: string,
    tool: { readonly name: string; readonly description?: string; readonly parameters?: JsonObject },
    options?: Once,
  ): Promise<ToolView>;
  list(world: string, agent: string, page: IdPage): Promise<readonly ToolView[]>;
  /** Records a use that an agent has made. @throws CrucibleError `not_found`, `invalid` */
  use(agent: string, tool: string, use: ToolUse, options?: Once): Promise<Pick<CrucibleEvent, 'id'>>;
}

export interface WorldView {
  readonly id: string;
  readonly name: string | null;
  /** False: nobody made it; it has been written to. */
  readonly created: boolean;
  /** When it was made, or first seen. ms since the epoch */
  readonly created_at: number;
}

export interface WorldService {
  /** @throws CrucibleError `already_exists` */
  create(input: { readonly world: string; readonly name?: string }, options?: Once): Promise<WorldView>;
  /** @param visible only these; undefined: all */
  list(visible: readonly string[] | undefined, page: IdPage): Promise<readonly WorldView[]>;
  /** @throws CrucibleError `not_found`, `conflict`: it is `default`, or holds something */
  remove(world: string): Promise<void>;
}

/** All that there is about agents. */
export interface AgentServices {
  readonly agents: AgentService;
  readonly actions: ActionService;
  readonly messages: MessageService;
  readonly rooms: RoomService;
  readonly tools: ToolService;
  readonly worlds: WorldService;
}
