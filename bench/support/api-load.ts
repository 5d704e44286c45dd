import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { createRequests, type ApiRequest } from './api-requests.ts';

/** One request that was answered: from when it was due until the whole answer was there. ms */
export interface Taken {
  readonly kind: string;
  readonly ms: number;
}

export interface Round {
  readonly taken: readonly Taken[];
  readonly perSecond: number;
}

/** Clients of one server, over so many connections that stay open. */
export const createLoad = (server: {
  readonly url: string;
  readonly key?: string;
  readonly connections: number;
}) => {
  const { connections } = server;
  const dispatcher = new Agent({ connections, pipelining: 1 });
  const requests = createRequests();
  const headers = {
    'content-type': 'application/json',
    ...(server.key !== undefined && { authorization: `Bearer ${server.key}` }),
  };

  const send = async ({ kind, method, path, body, status, onAnswer }: ApiRequest): Promise<void> => {
    const answer = await request(`${server.url}/api/v1${path}`, {
      method,
      headers,
      dispatcher,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== status)
      throw new Error(`${kind} was answered ${answer.statusCode}: ${text.slice(0, 500)}`);
    onAnswer?.(JSON.parse(text));
  };
  const timed = async (taken: Taken[], due: number): Promise<void> => {
    const next = requests.next();
    await send(next);
    taken.push({ kind: next.kind, ms: performance.now() - due });
  };

  return {
    seed: () => requests.seed(send),

    /** Each connection asks again as soon as it has its answer. */
    closed: async (seconds: number): Promise<Round> => {
      const taken: Taken[] = [];
      const start = performance.now();
      const end = start + seconds * 1_000;
      await Promise.all(
        Array.from({ length: connections }, async () => {
          for (let now = start; now < end; now = performance.now()) await timed(taken, now);
        }),
      );
      return { taken, perSecond: (taken.length * 1_000) / (performance.now() - start) };
    },

    /**
     * A fixed pace, whatever the answers do: a request that finds no free connection waits, and its time counts from
     * when it was due.
     */
    paced: async (seconds: number, perSecond: number): Promise<Round> => {
      const taken: Taken[] = [];
      const all: Promise<void>[] = [];
      const count = Math.round(seconds * perSecond);
      const start = performance.now();
      while (all.length < count) {
        const due = start + (all.length * 1_000) / perSecond;
        const wait = due - performance.now();
        if (wait > 0) await delay(wait);
        all.push(timed(taken, due));
      }
      await Promise.all(all);
      return { taken, perSecond: (taken.length * 1_000) / (performance.now() - start) };
    },

    close: () => dispatcher.close(),
  };
};

export type Load = ReturnType<typeof createLoad>;
