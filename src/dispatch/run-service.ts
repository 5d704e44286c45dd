import type { JsonObject } from '../kernel/json.ts';
import type { Idempotency } from '../log/log.ts';
import type { Attempt, Run, RunState } from './run.ts';

export interface RunDetail {
  readonly run: Run;
  readonly attempts: readonly Attempt[];
  readonly definition: JsonObject;
}

interface RunPage {
  readonly data: readonly Run[];
  readonly next_cursor: string | null;
}

export interface RunService {
  /** @throws CrucibleError `not_found` */
  get(id: string): Promise<RunDetail>;
  /** Newest first. @throws CrucibleError `bad_cursor` */
  list(
    target: string,
    page: { readonly state?: RunState; readonly limit: number; readonly cursor?: string },
  ): Promise<RunPage>;
  /** The runs that an event led to. */
  ofEvent(eventPosition: number): Promise<readonly Run[]>;
  /**
   * Sets a final row pending again under the next generation. A repeat under the same idempotency key answers what the
   * first one did.
   * @throws CrucibleError `not_found`, `conflict`, and those of `Log.append`
   */
  replay(id: string, options?: { readonly idempotency?: Idempotency }): Promise<Run>;
  /**
   * Ends a run that has not ended: no attempt of this generation begins any more. What an attempt under way does is not
   * undone, and its record is dropped. A repeat under the same idempotency key answers what the first one did.
   * @throws CrucibleError `not_found`, `conflict` for a run that has ended, and those of `Log.append`
   */
  cancel(id: string, options?: { readonly idempotency?: Idempotency }): Promise<Run>;
}
