import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { sampleEvent } from '../../../test/support/sample-events.ts';
import { createAccess, type Access } from '../../access/access.ts';
import { openKeyRing } from '../../access/key-ring.ts';
import { KEY_TABLE } from '../../access/key-row.ts';
import { createKeyService, type KeyMaker, type NewKey } from '../../access/keys.ts';
import { ALL_PERMISSIONS } from '../../access/permission.ts';
import type { NewEvent } from '../../events/envelope.ts';
import { withOrigin } from '../../kernel/context.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger as logger } from '../../kernel/logger.ts';
import { userOrigin } from '../../kernel/testing/user-origin.ts';
import { createLog, idleReactor } from '../../log/create-log.ts';
import type { Log } from '../../log/log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../log/memory-store.ts';
import { createConnectedAgents, type ConnectedAgents } from '../connected-agents.ts';
import type { StreamLimits } from '../protocol.ts';
import type { Relay } from '../relay.ts';
import { STREAM_PATH, createStreamServer, type StreamServer } from '../stream-server.ts';
import { connect, type TestClient } from './client.ts';

export const ADMIN_KEY = 'an-admin-key-of-thirty-two-characters-or-more';

export interface TestStream extends AsyncDisposable {
  readonly log: Log;
  readonly stream: StreamServer;
  readonly agents: ConnectedAgents;
  readonly url: string;
  readonly port: number;
  readonly clock: { nowMs: number };
  /** As the admin. The role `agent` is bound to the agent `bot`, if no other one is named. */
  makeKey(
    key: Partial<NewKey> & Pick<NewKey, 'role'>,
  ): Promise<{ readonly id: string; readonly key: string }>;
  revokeKey(id: string): Promise<void>;
  publish(...events: readonly Partial<NewEvent>[]): Promise<readonly number[]>;
  /** With the admin key, after its `hello`. */
  connect(options?: Parameters<typeof connect>[1]): Promise<TestClient>;
  /** Cuts every connection, as a network does. */
  breakAll(): void;
  /** Ends it like a server that is stopped; the log goes on. */
  stop(): Promise<void>;
}

const ADMIN = userOrigin('admin');

const MAKER: KeyMaker = {
  worlds: undefined,
  principal: {
    id: 'admin',
    actor: ADMIN.actor,
    source: ADMIN.source,
    worlds: undefined,
    permissions: ALL_PERMISSIONS,
  },
};

/** The stream over a log in memory, on a free port. */
export const openStream = async (
  options: {
    readonly limits?: Partial<StreamLimits>;
    readonly origins?: readonly string[];
    readonly access?: Pick<Access, 'authenticate' | 'onRevoked'>;
    readonly disk?: MemoryDisk;
    readonly epoch?: () => string | null;
    /** Retention has removed everything before this position. */
    readonly firstAvailable?: () => number;
    /** Where the connections of agents are talked with. */
    readonly relay?: Relay;
  } = {},
): Promise<TestStream> => {
  const clock = { nowMs: 1_000_000 };
  const now = (): number => clock.nowMs;
  const log = await createLog({
    store: createMemoryStore({ tables: [KEY_TABLE], disk: options.disk ?? createMemoryDisk() }),
    reactor: idleReactor,
    clock: { now },
    logger,
  });
  const { firstAvailable = () => log.firstAvailable(), limits } = options;
  const ring = await openKeyRing({ log, now, logger });
  const access = options.access ?? createAccess({ adminKey: ADMIN_KEY, keys: ring });
  const keys = createKeyService({ log, ring, now, newId, random: randomBytes, logger });
  const agents = createConnectedAgents();
  const stream = createStreamServer({
    log: { ...log, firstAvailable },
    access,
    agents,
    epoch: options.epoch ?? (() => 'epoch-1'),
    origins: options.origins ?? [],
    clock: { now },
    newId,
    logger,
    ...(limits !== undefined && { limits }),
    ...(options.relay !== undefined && { relay: options.relay }),
  });
  const node = createServer((_req, res) => res.end('plain'));
  stream.attach(node);
  const sockets = new Set<Socket>();
  node.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await once(node.listen(0, '127.0.0.1'), 'listening');
  const { port } = node.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}${STREAM_PATH}`;
  const stop = async (): Promise<void> => {
    await stream.close();
    if (!node.listening) return;
    node.closeAllConnections();
    await new Promise((resolve) => {
      node.close(resolve);
    });
  };
  return {
    log,
    agents,
    stream,
    url,
    port,
    clock,
    stop,
    breakAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    async makeKey(given) {
      const bound = given.role === 'agent' ? { agent: 'bot' } : {};
      const { view, key } = await withOrigin(ADMIN, () =>
        keys.create({ name: 'test', worlds: ['default'], ...bound, ...given }, MAKER),
      );
      return { id: view.id, key: key ?? '' };
    },
    async revokeKey(id) {
      await withOrigin(ADMIN, () => keys.revoke(id, MAKER));
    },
    async publish(...events) {
      const { events: stored } = await log.append({ events: events.map(sampleEvent) });
      return stored.map(({ position }) => position);
    },
    async connect(given = {}) {
      const client = await connect(url, { headers: { authorization: `Bearer ${ADMIN_KEY}` }, ...given });
      await client.nextOf('hello');
      return client;
    },
    async [Symbol.asyncDispose]() {
      await stop();
      ring.close();
      await log.close();
    },
  };
};
