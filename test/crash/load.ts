import type { Rest } from '../support/rest.ts';

/** One publish: what was sent, and what is known of its fate. */
export interface Sent {
  /** Unique over the whole test: the payload carries it. */
  readonly n: number;
  readonly type: string;
  readonly key: string;
  /** Set when the server acknowledged it. */
  acknowledged?: { readonly id: string; readonly position: number };
}

/** Everything that was ever sent, as the one who sent it remembers it. */
export interface Memory {
  readonly sent: Sent[];
  next: number;
}

export const publishOf = ({ n, type }: Pick<Sent, 'n' | 'type'>): object => ({
  type,
  payload: { n, filler: 'x'.repeat(200) },
});

/** Sends one, and remembers the answer. An answer that never comes leaves it in doubt. */
export const send = async (rest: Rest, sent: Sent): Promise<void> => {
  const { status, body } = await rest('POST', '/events', publishOf(sent), { 'idempotency-key': sent.key });
  if (status === 503 || status === 409) return;
  if (status !== 201) throw new Error(`publishing ${sent.n} was answered ${status}: ${JSON.stringify(body)}`);
  const [{ id, position }] = body.data;
  if (
    sent.acknowledged !== undefined &&
    (sent.acknowledged.id !== id || sent.acknowledged.position !== position)
  ) {
    throw new Error(
      `${sent.key} was answered ${id}@${position} after ${sent.acknowledged.id}@${sent.acknowledged.position}`,
    );
  }
  sent.acknowledged = { id, position };
};

/**
 * Publishes from `callers` callers at once until the server is gone or `signal` aborts. One event in `hookedEvery`
 * matches the hook and the webhook.
 */
export const load = async (
  rest: Rest,
  memory: Memory,
  options: {
    readonly callers: number;
    readonly hookedEvery: number;
    readonly signal: AbortSignal;
    readonly run: string;
  },
): Promise<void> => {
  const caller = async (): Promise<void> => {
    while (!options.signal.aborted) {
      const n = (memory.next += 1);
      const type = n % options.hookedEvery === 0 ? 'custom.crash.hooked' : 'custom.crash.plain';
      const sent: Sent = { n, type, key: `${options.run}-${n}` };
      memory.sent.push(sent);
      try {
        await send(rest, sent);
      } catch (error) {
        // fetch throws TypeError when the connection breaks: the server was killed, which is what this is about.
        if (error instanceof TypeError) return;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: options.callers }, caller));
};

/** Sends again, with their keys, what was in doubt: afterwards nothing is. */
export const settle = async (rest: Rest, memory: Memory): Promise<void> => {
  for (const sent of memory.sent) {
    while (sent.acknowledged === undefined) await send(rest, sent);
  }
};
