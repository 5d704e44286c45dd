import type { JsonObject } from '../kernel/json.ts';
import type { EventSource } from '../kernel/origin.ts';

/** An event before its commit: it has no position and no time yet. snake_case, as on every wire. */
export interface NewEvent {
  /** `evt_<UUIDv7>` */
  readonly id: string;
  /** Lower-case and dotted: `memory.created`, `custom.note.imported`. */
  readonly type: string;
  /** The semver of the payload schema that the payload fits. */
  readonly version: string;
  readonly source: EventSource;
  readonly actor: string;
  /** The thing that the event is about; its events form one stream, for `expect`. */
  readonly subject: string | null;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly depth: number;
  readonly world: string;
  readonly room: string | null;
  readonly payload: JsonObject;
}

/** A committed event. Positions are gapless integers from 1 up; times never go back from one position to the next. */
export interface CrucibleEvent extends NewEvent {
  readonly position: number;
  /** The commit's time, ISO 8601 UTC with milliseconds. */
  readonly timestamp: string;
}
