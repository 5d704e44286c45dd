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
