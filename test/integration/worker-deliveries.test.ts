import { describe, expect, it } from 'vitest';
import { createLeaderClient } from '../../src/internal/client.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { openFollowedLog } from '../../src/log/following/followed-log.ts';
import { createMemoryStore } from '../../src/log/memory-store.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openLeaderDoor } from '../../src/main/leader-door.ts';
import { createDeliveryExecutor } from '../../src/webhooks/delivery.ts';
import { openWebhooks, startReceiver, WEBHOOK_TABLES } from '../support/webhooks.ts';

const KEY = 'k'.repeat(32);

/** Deliveries as a worker makes them, over the door of the server that writes. */
const openDeliveries = async () => {
  const world = await openWebhooks();
  const closers = createClosers(silentLogger);
  const door = await openLeaderDoor(
    { key: KEY, host: '127.0.0.1', port: 0, url: undefined },
    silentLogger,
    closers,
  );
  door.open({
    log: world.log,
    append: world.log.append,
    drains: { take: async () => undefined, stopped: true },
    agents: { call: async () => ({ kind: 'none', code: 'not_connected', message: 'nobody is' }) },
    http: { forwarded: () => (_, res) => void res.end() },
    upgrade: (_, socket) => void socket.destroy(),
    watch: () => undefined,
  });
  const leader = createLeaderClient({ url: door.url, key: KEY });
  const log = await openFollowedLog({
    store: createMemoryStore({ tables: WEBHOOK_TABLES, disk: world.disk }),
    leader,
    epoch: world.log.epoch(),
    clock: world.clock,
    logger: silentLogger,
  });
  await log.begin();
  const executor = createDeliveryExecutor({ ...world.deliveryDeps, log, matchedElsewhere: true });
  return {
    world,
    attempt: async (webhookId: string) => world.attempt(await world.newestRun(webhookId), { executor }),
    async [Symbol.asyncDispose]() {
      await log.close();
      await leader.close();
      await closers.closeAll();
      await world[Symbol.asyncDispose]();
    },
  };
};

describe('a delivery that is made by a worker', () => {
  it('disables an endpoint that is gone, from the very next event on', async () => {
    await using deliveries = await openDeliveries();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { world } = deliveries;
    const filters = [{ event_type: 'custom.note.*' }];
    const { webhook } = await world.service.create({ url: receiver.url, filters });
    await world.publish();
    expect(await deliveries.attempt(webhook.id)).toMatchObject({ kind: 'failed', code: 'http_410' });
    expect(await world.service.get(webhook.id)).toMatchObject({ enabled: false, status: 'disabled' });
    expect((await world.log.query({ types: ['webhook.disabled'] })).data).toHaveLength(1);
    await world.publish();
    expect(await world.newestRun(webhook.id)).toMatchObject({ state: 'skipped', reason: 'disabled' });
    expect(await deliveries.attempt(webhook.id)).toMatchObject({ kind: 'skipped', reason: 'disabled' });
    expect(receiver.received).toHaveLength(1);
  });
});
