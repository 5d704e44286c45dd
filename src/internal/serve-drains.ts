import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { DrainLines, DrainPlace } from '../dispatch/drain-place.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { checked } from './body.ts';
import { createLineWriter } from './lines.ts';

const takeBody = z.strictObject({ target: z.string().min(1) });
const sleepBody = z.strictObject({ mark: z.number(), next_at: z.number().nullable() });
const directWaitsBody = z.strictObject({ order: z.string() });

export interface ServedPlaces {
  /** Holds a place for as long as the answer lasts. */
  take(body: unknown, res: ServerResponse, signal: AbortSignal): Promise<void>;
  /** @throws CrucibleError `not_found`: it has been left, or is one of another process */
  ask(place: string, question: string, body: unknown): Promise<object>;
}

/**
 * Places at the lines of drains, held by other processes.
 *
 *     asked --no more is to be claimed here--> refused
 *     asked --> taken --the connection ends, or no more is to be claimed, or the server closes--> left
 *
 * Guarantee: a place is left in the turn in which its connection is known to have ended. Whose machine is gone without a
 * word is noticed when what is told every second is not taken any more; until then the place wakes nobody and holds
 * nobody up.
 */
export const createServedPlaces = ({
  drains,
  aliveMs,
  stallMs,
}: {
  readonly drains: DrainLines;
  /** How often a holder is told that we are here, ms. */
  readonly aliveMs: number;
  readonly stallMs: number;
}): ServedPlaces => {
  const places = new Map<string, DrainPlace>();

  return {
    take: async (body, res, signal) => {
      const { target } = checked(takeBody, body);
      const lines = createLineWriter(res, stallMs);
      /** What is to be told; moves that come before the last one was told are one. */
      let moved = false;
      let alive = false;
      let wake = (): void => undefined;
      const onMove = (): void => {
        moved = true;
        wake();
      };
      const place = await drains.take(target, onMove);
      if (place === undefined) {
        await lines.write('{"refused":true}\n');
        res.end();
        return;
      }
      const id = randomUUID();
      const ticks = setInterval(() => {
        alive = true;
        wake();
      }, aliveMs);
      const onAbort = (): void => {
        places.delete(id);
        place.leave();
        wake();
      };
      try {
        places.set(id, place);
        if (signal.aborted) return;
        signal.addEventListener('abort', onAbort, { once: true });
        let open = await lines.write(`{"place":"${id}"}\n`);
        while (open && !signal.aborted && !drains.stopped) {
          if (moved || alive) {
            const line = moved ? '{"move":true}\n' : '{"alive":true}\n';
            moved = false;
            alive = false;
            open = await lines.write(line);
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        clearInterval(ticks);
        signal.removeEventListener('abort', onAbort);
        places.delete(id);
        place.leave();
        res.end();
      }
    },

    ask: async (id, question, body) => {
      const place = places.get(id);
      if (place === undefined)
        throw new CrucibleError('not_found', 'There is no such place at the line of a drain (any more)');
      switch (question) {
        case 'mark':
          return { mark: await place.mark() };
        case 'sleep': {
          const { mark, next_at: nextAt } = checked(sleepBody, body);
          return { asleep: await place.sleep(mark, nextAt) };
        }
        case 'direct-waits':
          return { waits: await place.directWaits(checked(directWaitsBody, body).order) };
        default:
          throw new CrucibleError('not_found', 'That cannot be asked at a place');
      }
    },
  };
};
