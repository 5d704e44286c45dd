import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AgentConnections } from '../../activities/agent/index.ts';
import type { DrainLines } from '../dispatch/drain-place.ts';
import type { Leader } from '../log/following/leader.ts';

/** Whom a forwarded request counts for, as the process that took it says. */
export interface ForwardedBy {
  readonly client: string;
}

/** What the process that writes does for others. */
export interface LeaderServices {
  readonly feed: Pick<Leader, 'follow'>;
  /** Appends once what has the same id. */
  readonly appends: Pick<Leader, 'append'>;
  readonly drains: DrainLines;
  readonly agents: AgentConnections;
  /** Answers a request as if the client had sent it here: its path and headers are the client's. */
  readonly forward: (req: IncomingMessage, res: ServerResponse, by: ForwardedBy) => void;
  /** The same for WebSocket connections; absent: there are none. */
  readonly upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer, by: ForwardedBy) => void;
}
