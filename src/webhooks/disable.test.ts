import { describe, expect, it } from 'vitest';
import { openWebhooks, startReceiver } from '../../test/support/webhooks.ts';
import type { AppendRequest, Log } from '../log/log.ts';
import { createDeliveryExecutor } from './delivery.ts';
import { withDisabledEndpoints } from './disable.ts';

const FILTERS = [{ event_type: 'custom.note.*' }];

/** Deliveries of a worker, whose appends go to the process that writes as JSON, without registry changes. */
const openWorker = async () => {
  const world = await openWebhooks();
  const sent: AppendRequest[] = [];
  const leading = withDisabledEndpoints(world.log);
  const log: Log = {
    ...world.log,
    append: (request) => {
      if ('changes' in request) throw new Error('a worker sends no registry changes');
      sent.push(request);
      return leading.append(JSON.parse(JSON.stringify(request)) as AppendRequest);
    },
  };
  const executor = createDeliveryExecutor({ ...world.deliveryDeps, log, matchedElsewhere: true });
  return { ...world, sent, leading, executor };
};

describe('an endpoint that is gone for a worker', () => {
  it('is disabled, and its events are skipped from the very next one on', async () => {
    const world = await openWorker();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { webhook } = await world.service.create({ url: receiver.url, filters: FILTERS });
    await world.publish();
    const run = await world.newestRun(webhook.id);
    expect(await world.attempt(run, { executor: world.executor })).toMatchObject({ code: 'http_410' });
    expect(world.sent).toHaveLength(1);
    expect(await world.service.get(webhook.id)).toMatchObject({ status: 'disabled' });
    await world.publish();
    expect(await world.newestRun(webhook.id)).toMatchObject({ state: 'skipped', reason: 'disabled' });
  });

  it('stays as it is when somebody has changed it meanwhile', async () => {
    const world = await openWorker();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { webhook } = await world.service.create({ url: receiver.url, filters: FILTERS });
    await world.publish();
    const run = await world.newestRun(webhook.id);
    const { records } = world.log;
    const stale = await records.get('webhook', webhook.id);
    world.advance(1);
    await world.service.update(webhook.id, { url: receiver.url, filters: FILTERS, name: 'new' });
    const executor = createDeliveryExecutor({
      ...world.deliveryDeps,
      log: {
        ...world.log,
        append: world.leading.append,
        records: {
          ...records,
          get: async (table, id) => (id === webhook.id ? stale : records.get(table, id)),
        },
      },
      matchedElsewhere: true,
    });
    await world.attempt(run, { executor });
    expect(await world.service.get(webhook.id)).toMatchObject({ enabled: true, name: 'new' });
    await world.publish();
    expect(await world.newestRun(webhook.id)).toMatchObject({ state: 'pending' });
  });

  it('other appends go as they are', async () => {
    const world = await openWorker();
    const appended: AppendRequest[] = [];
    const { append } = withDisabledEndpoints({
      records: { get: async () => Promise.reject(new Error('is not read')) },
      append: async (request) => {
        appended.push(request);
        return { events: [], duplicates: [] };
      },
    });
    const request: AppendRequest = {
      events: [],
      mutations: [
        { op: 'patch', table: 'webhook', id: 'whk_1', set: { name: 'a' } },
        { op: 'patch', table: 'run', id: 'run_1', set: { enabled: false } },
      ],
    };
    await append(request);
    expect(appended).toEqual([request]);
    await world.log.close();
  });
});
