import type { AgentServices } from '../src/agents/agent.ts';
import type { HookService } from '../hooks/service.ts';
import type { FileService } from '../src/files/service.ts';
import type { GraphService } from '../src/graph/graph.ts';
import type { KeyService } from '../src/access/keys.ts';
import type { MemoryService } from '../src/memory/memory.ts';
import type { CustomTypeService } from '../src/log/custom-types.ts';
import type { EventService } from '../src/log/event-service.ts';
import type { Explanations } from '../src/dispatch/explain.ts';
import type { EventFeed } from './event-feed.ts';
import type { Run } from '../src/dispatch/run.ts';
import type { RunService } from '../src/dispatch/run-service.ts';
import type { WebhookService } from '../src/webhooks/webhook.ts';

/** One entry of the catalogue, as `GET /event-types` shows it. */
export interface EventTypeEntry {
  readonly type: string;
  readonly version: string;
  /** Oldest first; the last one is `version`. */
  readonly versions: readonly string[];
  readonly description: string;
  /** The JSON Schema of the payload. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** A payload that fits; null: none is known, of a registered type. */
  readonly example: Readonly<Record<string, unknown>> | null;
}

/** Everything the procedures call. */
export interface Services extends AgentServices {
  readonly events: EventService;
  readonly files: FileService;
  readonly graph: GraphService;
  readonly hooks: HookService;
  readonly memory: Omit<MemoryService, 'start' | 'close'>;
  readonly webhooks: WebhookService;
  readonly runs: RunService;
  readonly explanations: Explanations;
  readonly customTypes: CustomTypeService;
  readonly feed: EventFeed;
  readonly keys: KeyService;
  /** The catalogue in the order of its page, then what is registered, by name. */
  readonly eventTypes: () => readonly EventTypeEntry[];
  /** Where the Temporal UI shows a run's workflow; undefined where there is none to show. */
  readonly workflowUrl: (run: Pick<Run, 'workflow_id' | 'temporal_run_id'>) => string | undefined;
  /** The product's, for the OpenAPI document. */
  readonly version: string;
}
