import type { JsonObject } from '../kernel/json.ts';
import type { TableDefinition } from '../log/records.ts';

/**
 * A run: one reaction of one target (hook, webhook, flow, agent) to one event. Its row is written in the commit of the event,
 * so there is no window in which a matched event has none. States and transitions: `states.ts`.
 */
export const RUN_STATES = [
  'pending',
  'held',
  'running',
  'retrying',
  'succeeded',
  'denied',
  'failed',
  'dead',
  'skipped',
  'cancelled',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export type RunKind = 'hook' | 'webhook' | 'flow' | 'agent';

/** The row of a run. A type, not an interface, so that it is a `Row`. Times are ms since the epoch. */
export type Run = {
  /** `run_<UUIDv7>` */
  readonly id: string;
  readonly kind: RunKind;
  /** `hook:<name>`, `webhook:<whk id>`, `flow:<name>`, `agent:<world>/<id>` */
  readonly target: string;
  /** Content hash of the definition that matched; a run keeps it whatever the target becomes. */
  readonly definition: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly event_position: number;
  /** `-event_position`: an ascending index on it lists newest first, and a target has one run an event. */
  readonly newest: number;
  /** `<15-digit position>:<target>`: unique, and in the order of the log. */
  readonly order: string;
  readonly world: string;
  readonly correlation_id: string;
  readonly depth: number;
  readonly key: string | null;
  /** 0; replays and retries by hand count up. */
  readonly generation: number;
  readonly state: RunState;
  /** A stable word that says why the state is what it is. */
  readonly reason: string | null;
  /** The same in words, where there is more to say. */
  readonly error: string | null;
  /** Set once a generation, at commit (direct) or with the first write of its drain. */
  readonly workflow_id: string | null;
  readonly temporal_run_id: string | null;
  /** Where it stands in the line of its target's drain (`claim-key.ts`); null or absent: it is none of the drain's, or has ended. */
  readonly claim?: string | null;
  /** Its order key while it is pending and to be started directly; null or absent otherwise. */
  readonly start?: string | null;
  /** When the next attempt is due. */
  readonly due_at: number | null;
  /** When the sweeper looks; null once final or held. */
  readonly sweep_at: number | null;
  /** How many attempts of this generation are recorded. */
  readonly attempts: number;
  /** How many of them failed by a fault of ours, and count for nothing; absent: none. */
  readonly uncharged?: number;
  /** The attempt that ended this generation, unless it is large: then it has a row of its own like the others. */
  readonly last_attempt?: AttemptRecord | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
};

/** What is recorded of one attempt. */
export type AttemptRecord = {
  readonly generation: number;
  /** From 1 up. */
  readonly number: number;
  readonly started_at: number;
  readonly duration_ms: number;
  readonly outcome: 'succeeded' | 'denied' | 'failed' | 'skipped';
  /** What went wrong, as a stable word (`timeout`, `http_500`, `egress_denied`), and in words. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What the kind of action tells: status, headers, body, timings of a delivery; output and log of a script. Capped, no secrets. */
  readonly detail: JsonObject;
};

/** The row of an attempt; its id is `<run id>.<generation>.<number>`, so attempts are read by id. */
export type Attempt = AttemptRecord & { readonly id: string; readonly run_id: string };

export const attemptId = (runId: string, generation: number, number: number): string =>
  `${runId}.${generation}.${number}`;

export const RUN_TABLE: TableDefinition = {
  name: 'run',
  indexes: [
    { name: 'run_target', fields: ['target', 'newest'] },
    { name: 'run_target_state', fields: ['target', 'state', 'newest'] },
    { name: 'run_event', fields: ['event_position', 'target'] },
    // Only of rows that run directly and have not ended.
    { name: 'run_sweep', fields: ['sweep_at'] },
    // Only of rows that wait for their start.
    { name: 'run_start', fields: ['start'] },
    // Only of rows that wait for a drain.
    { name: 'run_claim', fields: ['target', 'claim'] },
  ],
  recent: 10_000,
};

export const ATTEMPT_TABLE: TableDefinition = { name: 'attempt', indexes: [] };

/** Definitions by content hash: `{id: <sha256 hex>, kind, definition}`. Never changed, so a run finds what it matched. */
export const DEFINITION_TABLE: TableDefinition = { name: 'definition', indexes: [] };
