import { CrucibleError } from '../kernel/errors.ts';
import type { AppendRequest, AppendResult } from './log.ts';
import type { LogLimits } from './limits.ts';
import type { Ticket } from './ticket.ts';
import { idempotencyId } from './idempotency.ts';

/** A request that waits for its commit. */
export interface Queued {
  readonly request: AppendRequest;
  readonly bytes: number;
  /** The id of its idempotency record, if it carries a key. */
  readonly key: string | undefined;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
  /** Whether it has its answer; answering again does nothing. */
  readonly settled: () => boolean;
}

/**
 * The line of requests in front of the loop: bounded, first come first served. It also knows the idempotency keys that
 * are under way, from the moment a request is queued until it is settled.
 */
export interface RequestQueue {
  /** @throws CrucibleError `payload_too_large`, `overloaded`, `idempotency_in_flight` */
  add(request: AppendRequest): Promise<AppendResult>;
  /** The next group: at most one commit's worth of events and bytes, at least one request. */
  take(): Queued[];
  /** Puts back, at the front, what did not fit into the commit. */
  putBack(group: readonly Queued[]): void;
  /** Puts back, at the front and in this order, what is to be tried again, each in a group of its own. */
  putBackAlone(group: readonly Queued[]): void;
  readonly length: number;
  /** Refuses everything that waits. */
  refuseAll(error: Error): void;
}

const RETRY_AFTER_MS = 250;

export const createRequestQueue = (limits: LogLimits): RequestQueue => {
  let waiting: Queued[] = [];
  let events = 0;
  let bytes = 0;
  const underWay = new Set<string>();
  /** Those that share their group with no other any more. */
  const alone = new WeakSet<Queued>();

  const count = ({ request, bytes: size }: Queued, sign: 1 | -1): void => {
    events += sign * Math.max(1, request.events.length);
    bytes += sign * size;
  };

  const add = (request: AppendRequest): Promise<AppendResult> => {
    const size = checkedSize(request, limits);
    const full =
      events + Math.max(1, request.events.length) > limits.queueEvents || bytes + size > limits.queueBytes;
    if (full && request.ledger !== true) {
      throw new CrucibleError('overloaded', 'The log has as much waiting as it may hold', {
        hint: 'Send the request again after the time given, and fewer at once.',
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    const key = request.idempotency === undefined ? undefined : idempotencyId(request.idempotency);
    if (key !== undefined) {
      if (underWay.has(key)) {
        throw new CrucibleError('idempotency_in_flight', 'A request with this idempotency key is under way', {
          hint: 'Wait for its answer, or send it again after the time given.',
          retryAfterMs: RETRY_AFTER_MS,
        });
      }
      underWay.add(key);
    }
    return new Promise((resolve, reject) => {
      let settled = false;
      const once =
        <T extends AppendResult | Error>(settle: (value: T) => void) =>
        (value: T): void => {
          if (settled) return;
          settled = true;
          if (key !== undefined) underWay.delete(key);
          if (request.ticket !== undefined) request.ticket.outcome = outcomeOf(value);
          settle(value);
        };
      const queued: Queued = {
        request,
        bytes: size,
        key,
        resolve: once<AppendResult>(resolve),
        reject: once<Error>(reject),
        settled: () => settled,
      };
      waiting.push(queued);
      count(queued, 1);
    });
  };

  const putBack = (group: readonly Queued[]): void => {
    waiting = [...group, ...waiting];
    for (const queued of group) count(queued, 1);
  };

  return {
    add,
    get length() {
      return waiting.length;
    },
    take() {
      let groupEvents = 0;
      let groupBytes = 0;
      let taken = 0;
      for (const queued of waiting) {
        const { request, bytes: size } = queued;
        groupEvents += request.events.length;
        groupBytes += size;
        if (taken > 0 && alone.has(queued)) break;
        if (taken > 0 && (groupEvents > limits.commitEvents || groupBytes > limits.commitBytes)) break;
        if (taken >= limits.commitEvents) break;
        taken += 1;
        if (alone.has(queued)) break;
      }
      const group = waiting.slice(0, taken);
      waiting = waiting.slice(taken);
      for (const queued of group) count(queued, -1);
      return group;
    },
    putBack,
    putBackAlone(group) {
      for (const queued of group) alone.add(queued);
      putBack(group);
    },
    refuseAll(error) {
      const refused = waiting;
      waiting = [];
      for (const queued of refused) {
        count(queued, -1);
        queued.reject(error);
      }
    },
  };
};

const outcomeOf = (answer: AppendResult | Error): Ticket['outcome'] =>
  !(answer instanceof Error) && hasWritten(answer) ? 'written' : 'void';

/** Whether the request was carried out now, not in an earlier one like it. */
export const hasWritten = ({ repeated, duplicates }: AppendResult): boolean =>
  repeated !== true && (duplicates.length === 0 || duplicates.includes(false));

const checkedSize = (request: AppendRequest, limits: LogLimits): number => {
  if (request.events.length > limits.commitEvents) {
    throw new CrucibleError(
      'payload_too_large',
      `A request may carry ${limits.commitEvents} events, this one has ${request.events.length}`,
      { hint: 'Split it; each part is all or nothing on its own.' },
    );
  }
  const bytes = request.events.reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)), 0);
  if (bytes > limits.commitBytes) {
    throw new CrucibleError(
      'payload_too_large',
      `The events of a request may take ${limits.commitBytes} bytes as JSON, these take ${bytes}`,
      { hint: 'Split the request, or keep large content outside of the event.' },
    );
  }
  return bytes;
};
