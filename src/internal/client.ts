import type { AgentConnections } from '../../activities/agent/index.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Leader, SentResult } from '../log/following/leader.ts';
import { decodeAnswers, encodeGroup } from './append-codec.ts';
import { createAppendGroups } from './append-groups.ts';
import { createConnection } from './connection.ts';
import { createFollow } from './follow-commits.ts';
import { HEADERS, PATHS } from './protocol.ts';
import { createRemoteAgents } from './remote-agents.ts';
import { createRemoteDrains, type RemoteDrains } from './remote-drains.ts';

/** The process that writes, over its internal listener. */
export interface LeaderClient extends Leader {
  /** For the work at the lines of drains in this process. */
  readonly drains: RemoteDrains;
  /** The agents that are connected to it. */
  readonly agents: AgentConnections;
  /** Where and how a whole request of a client is sent on. */
  readonly upstream: {
    /** The path of the request follows it. */
    readonly url: string;
    /** To be sent beside the client's own. @param client whom the request counts for */
    readonly headers: (client: string) => Readonly<Record<string, string>>;
    /** The header of its answers that names the last commit before them. */
    readonly sequenceHeader: string;
  };
  /** Cuts off what is under way, as `log_unavailable`, and refuses what comes. Safe to call twice. */
  close(): Promise<void>;
}

export const createLeaderClient = (deps: {
  /** Of the internal listener, as the store has it. */
  readonly url: string;
  readonly key: string;
}): LeaderClient => {
  const connection = createConnection(deps);
  let closing: Promise<void> | undefined;

  const send = async (
    texts: readonly string[],
  ): Promise<readonly (SentResult | CrucibleError)[] | CrucibleError> => {
    const ask = {
      method: 'POST',
      path: PATHS.append,
      body: encodeGroup(texts),
      repeatable: true,
    } as const;
    try {
      const answers = decodeAnswers(await connection.ask(ask), texts.length);
      if (answers !== undefined) return answers;
      return new CrucibleError('log_unavailable', `${deps.url} answers appends in another way`);
    } catch (error) {
      return connection.lost(error);
    }
  };
  const groups = createAppendGroups(send);
  const drains = createRemoteDrains(connection);

  return {
    url: deps.url,
    append: groups.append,
    follow: createFollow(connection),
    drains,
    agents: createRemoteAgents(connection),
    upstream: {
      url: `${deps.url.replace(/\/$/, '')}${PATHS.forward}`,
      headers: (client) => ({ ...connection.headers, [HEADERS.client]: client }),
      sequenceHeader: HEADERS.sequence,
    },
    close: () => {
      drains.stop();
      groups.close(new CrucibleError('log_unavailable', `The connection to ${deps.url} was given up`));
      return (closing ??= connection.close());
    },
  };
};
