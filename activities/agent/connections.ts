import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

/** One agent of one world. */
interface AgentAddress {
  readonly world: string;
  readonly agentId: string;
}

/** What became of an action that a connected agent was asked for. */
export type AgentAnswer =
  | { readonly kind: 'outputs'; readonly outputs: JsonValue }
  /** The agent says that it failed; `retry`: and that another attempt may go better. */
  | { readonly kind: 'error'; readonly message: string; readonly retry: boolean }
  /** Nobody has answered. `ours`: because of this server, so that it counts for nothing. */
  | { readonly kind: 'none'; readonly code: string; readonly message: string; readonly ours?: true };

export interface AgentCall {
  readonly runId: string;
  /** All that the agent is told; `run_id` in it is what its answer names. */
  readonly message: JsonObject;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The agents that are connected to this process. One connection has an action at a time. */
export interface AgentConnections {
  /** Never rejects. Resolves at the latest after `timeoutMs`, or when the signal aborts. */
  call(address: AgentAddress, call: AgentCall): Promise<AgentAnswer>;
}
