import type { AgentAnswer, AgentConnections } from '../../activities/agent/index.ts';
import { messageOf } from '../kernel/errors.ts';
import { decodeAnswer, encodeCall } from './agent-codec.ts';
import type { Connection } from './connection.ts';
import { PATHS } from './protocol.ts';

/** How much longer than the other side we wait for what it makes of a call. ms */
const MARGIN_MS = 500;

const ABORTED: AgentAnswer = { kind: 'none', code: 'aborted', message: 'The attempt was aborted' };

/** Not the agent's fault, so it counts for nothing. */
const lost = (why: string): AgentAnswer => ({
  kind: 'none',
  code: 'disconnected',
  message: `The process that the agent is connected to was lost: ${why}`,
  ours: true,
});

/** The agents that are connected to the process that writes. Its answer is given as it is; a call that is lost is `ours`. */
export const createRemoteAgents = (connection: Connection): AgentConnections => ({
  call: async (address, call) => {
    if (call.signal.aborted) return ABORTED;
    const ended = new AbortController();
    const end = (): void => ended.abort();
    call.signal.addEventListener('abort', end, { once: true });
    const timer = setTimeout(end, call.timeoutMs + MARGIN_MS);
    try {
      const answer = await connection.ask({
        method: 'POST',
        path: PATHS.call,
        body: encodeCall(address, call),
        signal: ended.signal,
        withinMs: 0,
      });
      return decodeAnswer(answer) ?? lost('its answer cannot be read');
    } catch (error) {
      return call.signal.aborted ? ABORTED : lost(messageOf(error));
    } finally {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', end);
    }
  },
});
