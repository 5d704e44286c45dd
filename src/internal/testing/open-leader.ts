import { request as httpRequest, type IncomingMessage } from 'node:http';
import { silentLogger, type Logger } from '../../kernel/logger.ts';
import type { FeedItem, SentAppend, SentResult } from '../../log/following/leader.ts';
import { createLeaderClient, type LeaderClient } from '../client.ts';
import { HEADERS } from '../protocol.ts';
import { openCuttable } from './cuttable.ts';
import { createInternalServer, type InternalServer } from '../server.ts';
import type { LeaderServices } from '../services.ts';

export const KEY = 'an-internal-key-of-thirty-two-characters-or-more';

export const resultOf = ({ id }: SentAppend): SentResult => ({
  events: [],
  duplicates: [],
  answer: { id },
  sequence: 1,
});

export const hello: FeedItem = {
  kind: 'hello',
  epoch: 7,
  sequence: 0,
  batch: null,
  head: 0,
  firstAvailable: 1,
};

export const commit = (sequence: number, text = ''): FeedItem => ({
  kind: 'commit',
  sequence,
  batch: `cmt_${sequence}`,
  committed: {
    batch: `cmt_${sequence}`,
    events: [],
    reactions: [],
    changed: [{ table: 't', row: { id: 'r', text } }],
    removed: [],
  },
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface TestLeader extends AsyncDisposable {
  readonly url: string;
  readonly server: InternalServer;
  readonly client: LeaderClient;
  /** The connections of the client. */
  readonly cut: () => void;
  readonly logged: readonly string[];
  /** With the key, unless `headers` says otherwise. */
  ask(
    method: string,
    path: string,
    options?: { readonly body?: string | Buffer; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<Answer>;
}

const ignore = (): void => undefined;

/** A listening server over what is given, and a client of it. */
export const openLeader = async (
  services: Partial<LeaderServices> = {},
  {
    opened = true,
    ...timers
  }: { readonly stallMs?: number; readonly aliveMs?: number; readonly opened?: boolean } = {},
): Promise<TestLeader> => {
  const logged: string[] = [];
  const log = (_: object, message: string): void => void logged.push(message);
  const logger: Logger = { ...silentLogger, warn: log, error: log };
  const server = createInternalServer({ key: KEY, logger, ...timers });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  if (opened) {
    server.open({
      feed: {
        follow: async function* follow() {
          yield hello;
        },
      },
      appends: { append: async (sent) => resultOf(sent) },
      drains: { take: async () => undefined, stopped: false },
      agents: { call: async () => ({ kind: 'none', code: 'not_connected', message: 'nobody' }) },
      forward: (_, res) => void res.end(),
      ...services,
    });
  }
  const wire = await openCuttable(url);
  const client = createLeaderClient({ url: wire.url, key: KEY });
  return {
    url,
    server,
    client,
    cut: wire.cut,
    logged,
    ask: (method, path, { body, headers = {} } = {}) =>
      new Promise((resolve, reject) => {
        const sending = httpRequest(`${url}${path}`, {
          method,
          headers: { [HEADERS.key]: KEY, ...headers },
          agent: false,
        });
        sending.once('error', reject).once('response', (from) => {
          sending.on('error', ignore);
          const chunks: Buffer[] = [];
          from
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .once('error', reject)
            .once('end', () =>
              resolve({
                status: from.statusCode ?? 0,
                headers: from.headers,
                body: Buffer.concat(chunks).toString(),
              }),
            );
        });
        sending.end(body);
      }),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await wire.close();
      await server.close(0);
    },
  };
};
