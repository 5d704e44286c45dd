import type { Principal, WorldScope } from '../src/access/principal.ts';
import type { Origin } from '../src/kernel/origin.ts';
import type { Idempotency } from '../src/log/log.ts';

/** Who asks, and where. Present once the credentials are good. */
export interface Caller {
  readonly principal: Principal;
  readonly scope: WorldScope;
  /** What the events made on behalf of this request share. */
  readonly origin: Origin;
}

/** What a procedure knows of the request, whichever way it came. */
export interface RequestContext {
  readonly requestId: string;
  /** Undefined: no credentials; only what is open to all may be asked. */
  readonly caller: Caller | undefined;
  /** What to hand to the service when the client sent an `Idempotency-Key`. @param route names the procedure */
  readonly idempotency: (route: string) => Idempotency | undefined;
}
