/** What workflows and activities say to each other. Types and plain constants only: this file is bundled for the workflow VM. */

/** A run's workflow gets references, never the event: history stays small, and secrets stay out of it. */
export interface RunInput {
  readonly run_id: string;
  readonly generation: number;
  /** The next attempt, from 1 up: a run that was taken over goes on where the ledger stands. */
  readonly attempt: number;
  /** Delay before that attempt, ms. */
  readonly delay_ms: number;
  /** One attempt may take this long, ms. */
  readonly timeout_ms: number;
  /** Whether the first attempt is a local activity. */
  readonly local: boolean;
}

export interface AttemptRequest {
  readonly run_id: string;
  readonly generation: number;
  readonly attempt: number;
}

/** After a recorded attempt: the run has ended, or goes on after a delay. */
export type AttemptReply =
  | { readonly next: 'done'; readonly state: string; readonly reason: string | null }
  | { readonly next: 'attempt'; readonly attempt: number; readonly delay_ms: number };

export interface RunResult {
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
}

export interface AttemptActivities {
  attempt(request: AttemptRequest): Promise<AttemptReply>;
}

/** The drain of one target. */
export interface DrainInput {
  readonly target: string;
  /** How many runs the executions before this one have worked. */
  readonly worked: number;
}

interface DrainRequest {
  readonly target: string;
  /** Counts the activities of one execution, from 1 up: with its Temporal run id, the token that claims. */
  readonly sequence: number;
}

interface DrainReply {
  readonly next: 'again' | 'due' | 'asleep';
  /** With `due`: nothing can be claimed before this. ms */
  readonly delay_ms: number;
  readonly run_ids: readonly string[];
}

export interface DrainActivities {
  drain(request: DrainRequest): Promise<DrainReply>;
}

/** What a worker offers. */
export type Activities = AttemptActivities & Partial<DrainActivities>;

/** Says nothing but that there may be something to claim. */
export const POKE_SIGNAL = 'poke';

/** A search attribute of more than 2,048 bytes makes the server terminate the workflow. */
export const MAX_LISTED_RUNS = 40;

export const TASK_QUEUE = 'crucible';

export const SEARCH_ATTRIBUTES = {
  CrucibleKind: 'KEYWORD',
  CrucibleTarget: 'KEYWORD',
  CrucibleEventType: 'KEYWORD',
  CrucibleRunIds: 'KEYWORD_LIST',
  CrucibleCorrelationIds: 'KEYWORD_LIST',
  CrucibleFirstPosition: 'INT',
  CrucibleLastPosition: 'INT',
} as const;
