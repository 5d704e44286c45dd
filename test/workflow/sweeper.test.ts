import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, test } from 'vitest';
import { restOf } from '../support/rest.ts';
import { startServer } from '../support/server-process.ts';
import { temporalServer } from '../support/temporal-server.ts';

/** A receiver that takes requests and never answers, until it is told to. */
const startSilence = async () => {
  let silent = true;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (!silent) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    speak: () => {
      silent = false;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

test('a server settles the run whose workflow an operator has terminated, tells of it, and replays it', async () => {
  await using temporal = await temporalServer();
  await using silence = await startSilence();
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-sweeper-'));
  const connection = await Connection.connect({ address: temporal.address });
  try {
    await using server = await startServer({ dataDir, temporal });
    const rest = restOf(server.url);
    const made = await rest('POST', '/webhooks', {
      url: silence.url,
      filters: [{ event_type: 'custom.tick' }],
    });
    expect(made.status).toBe(201);
    await rest('POST', '/events', { type: 'custom.tick', payload: {} });
    const runs = async () => (await rest('GET', `/webhooks/${made.body.id}/deliveries`)).body.data;
    await expect.poll(async () => (await runs())[0]?.state, { timeout: 20_000 }).toBe('running');
    const [{ id, workflow_id: workflowId }] = await runs();
    const { workflow } = new Client({ connection, namespace: temporal.namespace });
    await workflow.getHandle(workflowId).terminate('by an operator');

    await expect.poll(async () => (await runs())[0]?.state, { timeout: 60_000 }).toBe('failed');
    expect((await runs())[0]).toMatchObject({ reason: 'terminated' });
    const told = await rest('GET', '/events?types=webhook.delivery_failed');
    expect(told.body.data).toMatchObject([{ payload: { run_id: id, error: { code: 'terminated' } } }]);

    silence.speak();
    const replay = await rest('POST', `/runs/${id}/replay`);
    expect([replay.status, replay.body]).toMatchObject([202, { generation: 1 }]);
    await expect.poll(async () => (await runs())[0]?.state, { timeout: 20_000 }).toBe('succeeded');
  } finally {
    await connection.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
