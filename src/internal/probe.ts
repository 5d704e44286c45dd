import { HEADERS, PATHS } from './protocol.ts';

/** What a listener for other processes says to who only looks. `away`: nothing in time. */
export type Probed = 'serving' | 'not_serving' | 'another_key' | 'away';

/**
 * Whether the process there writes, as far as it knows itself, and takes our key. Cheaper than to begin a session, which
 * waits for a process that may come back.
 */
export const probeLeader = async (deps: {
  /** Of the internal listener. */
  readonly url: string;
  readonly key: string;
  readonly timeoutMs: number;
}): Promise<Probed> => {
  try {
    const answer = await fetch(`${deps.url.replace(/\/$/, '')}${PATHS.serving}`, {
      headers: { [HEADERS.key]: deps.key },
      redirect: 'manual',
      signal: AbortSignal.timeout(deps.timeoutMs),
    });
    await answer.body?.cancel();
    if (answer.status === 401) return 'another_key';
    return answer.status === 200 ? 'serving' : 'not_serving';
  } catch {
    return 'away';
  }
};
