import type { DrainLines, DrainPlace } from '../dispatch/drain-place.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Connection } from './connection.ts';
import { isObject } from './error-codec.ts';
import { readLines } from './lines.ts';
import { PATHS } from './protocol.ts';

const MAX_LINE_BYTES = 1_024;

export interface RemoteDrains extends DrainLines {
  /** This process is to claim no more; whoever holds a place is woken. */
  stop(): void;
}

const parsed = (line: string): Readonly<Record<string, unknown>> => {
  const value: unknown = JSON.parse(line);
  return isObject(value) ? value : {};
};

/**
 * Places at the lines of drains, at the process that writes.
 *
 *     taken --leave--> left
 *     taken --the connection is lost, or the other side takes no more--> lost: its holder is woken, and whatever it
 *     asks is refused with `log_unavailable`, so that its activity fails and goes to the next worker
 */
export const createRemoteDrains = (connection: Connection): RemoteDrains => {
  const wakes = new Set<() => void>();
  let stopped = false;

  const take = async (target: string, onMove: () => void): Promise<DrainPlace | undefined> => {
    if (stopped) return undefined;
    const over = new AbortController();
    const isLost = (cause: unknown): CrucibleError =>
      new CrucibleError('log_unavailable', `The place at the line of ${target} is lost`, { cause });
    let lost: CrucibleError | undefined;

    const body = await connection.open({
      method: 'POST',
      path: PATHS.take,
      body: JSON.stringify({ target }),
      signal: over.signal,
      repeatable: true,
    });
    const lines = readLines(body, MAX_LINE_BYTES);
    let id: string | undefined;
    try {
      const first = await lines.next();
      const told = first.done === true ? undefined : parsed(first.value);
      if (typeof told?.['place'] === 'string') id = told['place'];
      else if (told?.['refused'] !== true) throw isLost(undefined);
    } catch (error) {
      over.abort();
      throw isCrucibleError(error) ? error : isLost(error);
    }
    if (id === undefined || stopped) {
      over.abort();
      return undefined;
    }
    wakes.add(onMove);

    const listen = async (): Promise<void> => {
      try {
        for await (const line of lines) if (parsed(line)['move'] === true && !over.signal.aborted) onMove();
        lost = isLost(undefined);
      } catch (error) {
        lost = isLost(error);
      }
      if (!over.signal.aborted) onMove();
    };
    void listen();

    const path = `${PATHS.drains}${id}/`;
    const ask = async (question: string, field: string, asked: object): Promise<unknown> => {
      if (lost !== undefined) throw lost;
      if (over.signal.aborted) throw isLost(undefined);
      try {
        const answer = await connection.ask({
          method: 'POST',
          path: `${path}${question}`,
          body: JSON.stringify(asked),
          signal: over.signal,
          repeatable: true,
        });
        return isObject(answer) ? answer[field] : undefined;
      } catch (error) {
        throw isLost(error);
      }
    };

    return {
      mark: async () => {
        const mark = await ask('mark', 'mark', {});
        if (typeof mark !== 'number') throw isLost(undefined);
        return mark;
      },
      // Without a word of the other side nothing sleeps, and what may come before is waited for.
      sleep: async (mark, nextAt) => (await ask('sleep', 'asleep', { mark, next_at: nextAt })) === true,
      directWaits: async (order) => (await ask('direct-waits', 'waits', { order })) !== false,
      leave: () => {
        wakes.delete(onMove);
        over.abort();
      },
    };
  };

  return {
    take,
    get stopped() {
      return stopped;
    },
    stop: () => {
      stopped = true;
      for (const wake of wakes) wake();
    },
  };
};
