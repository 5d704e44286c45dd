import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { connectTemporal } from '../../src/temporal/connection.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { openTemporal } from '../../src/temporal/temporal.ts';
import type { Temporal } from '../../src/temporal/temporal.ts';
import { attemptStage, done, pendingRun, policy } from '../support/temporal-runs.ts';
import type { AttemptStage } from '../support/temporal-runs.ts';
import { temporalServer } from '../support/temporal-server.ts';
import type { TestTemporal } from '../support/temporal-server.ts';

let server: TestTemporal;
let stage: AttemptStage;
let temporal: Temporal | undefined;

beforeEach(async () => {
  server = await temporalServer();
  stage = attemptStage();
});
afterEach(async () => {
  await temporal?.close();
  temporal = undefined;
  await server[Symbol.asyncDispose]();
});

const open = (address = server.address): Temporal => {
  temporal = openTemporal({
    address,
    namespace: server.namespace,
    cacheDir: server.dir,
    activities: stage.activities,
    clock: systemClock,
    logger: silentLogger,
  });
  return temporal;
};

/** Starts a run and waits for its attempt. */
const attempted = async (on: Temporal): Promise<void> => {
  const run = pendingRun();
  const called = Promise.withResolvers<void>();
  stage.on(run.id, () => {
    called.resolve();
    return done();
  });
  await on.starter.start(run, policy());
  await called.promise;
};

test('goes on after the server went away and came back', async () => {
  const opened = open();
  await opened.untilWorking();
  await attempted(opened);
  await server.restart();
  await attempted(opened);
  expect(opened.state()).toBe('working');
  expect(opened.problem()).toBeUndefined();
});

test('while the server is away, a start fails in a bounded time and says so; then it works again', async () => {
  const opened = open();
  await opened.untilWorking();
  await server.server.stop();
  await expect(opened.starter.start(pendingRun(), policy())).rejects.toMatchObject({
    code: 'temporal_unavailable',
    hint: expect.stringContaining(server.address),
  });
  await expect(opened.starter.describe('anything')).rejects.toMatchObject({ code: 'temporal_unavailable' });
  expect(opened.problem()).toBeDefined();
  await server.restart();
  await attempted(opened);
  expect(opened.problem()).toBeUndefined();
});

test('opens without a server, refuses starts, and works as soon as there is one', async () => {
  await server.server.stop();
  const opened = open();
  await expect(opened.starter.start(pendingRun(), policy())).rejects.toMatchObject({
    code: 'temporal_unavailable',
  });
  await expect.poll(() => opened.state(), { timeout: 20_000 }).toBe('waiting');
  expect(opened.problem()).toMatch(/does not answer/);
  await server.restart();
  await opened.untilWorking();
  await attempted(opened);
});

test('closing lets an attempt under way end', async () => {
  const opened = open();
  await opened.untilWorking();
  const run = pendingRun();
  const called = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  stage.on(run.id, async () => {
    called.resolve();
    await gate.promise;
    return done('succeeded', 'ended while closing');
  });
  await opened.starter.start(run, policy({ local: false }));
  await called.promise;
  const closed = opened.close();
  gate.resolve();
  await closed;
  expect(opened.state()).toBe('closed');
  await expect(opened.starter.start(pendingRun(), policy())).rejects.toMatchObject({
    code: 'temporal_unavailable',
  });

  const connection = await connectTemporal({ ...server, logger: silentLogger });
  const { events } = await connection.client.workflow.getHandle(run.workflow_id ?? '').fetchHistory();
  expect(events?.some((event) => event.activityTaskCompletedEventAttributes)).toBe(true);
  await connection.close();
});

test('closing before there ever was a server ends the wait for it', async () => {
  await server.server.stop();
  const opened = open();
  const waited = opened.untilWorking();
  await opened.close();
  await expect(waited).rejects.toMatchObject({ code: 'temporal_unavailable' });
  expect(opened.state()).toBe('closed');
});

test('whoever waits for it may stop waiting', async () => {
  await server.server.stop();
  const reason = new Error('enough');
  await expect(open().untilWorking(AbortSignal.abort(reason))).rejects.toBe(reason);
});

test('search attributes: set up twice is once; one of another type is told', async () => {
  const connection = await connectTemporal({ ...server, logger: silentLogger });
  await ensureSearchAttributes(connection);
  await ensureSearchAttributes(connection);
  const { namespace } = server;
  const { operatorService } = connection.native;
  const asInt: Record<string, number> = { CrucibleTarget: 3 };
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: ['CrucibleTarget'] });
  await operatorService.addSearchAttributes({ namespace, searchAttributes: asInt });
  await expect(ensureSearchAttributes(connection)).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining('CrucibleTarget'),
  });
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: ['CrucibleTarget'] });
  await ensureSearchAttributes(connection);
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  expect(customAttributes['CrucibleTarget']).toBe(2);
  await connection.close();
});
