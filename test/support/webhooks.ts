/** The parts that a webhook's tests need, all of them real, over the memory twin of the store. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { withOrigin } from '../../src/kernel/context.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { createEgress } from '../../src/egress/create.ts';
import type { Resolve } from '../../src/egress/resolve.ts';
import { buildEvent } from '../../src/events/build.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { createLog } from '../../src/log/create-log.ts';
import { IDEMPOTENCY_TABLE } from '../../src/log/idempotency.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../src/log/memory-store.ts';
import { createTargetReactor } from '../../src/dispatch/reactor.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE, type Run } from '../../src/dispatch/run.ts';
import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import { createDeliveryExecutor } from '../../src/webhooks/delivery.ts';
import { WEBHOOK_TABLE } from '../../src/webhooks/row.ts';
import { createSecretBox } from '../../src/webhooks/secret-box.ts';
import { createWebhookService } from '../../src/webhooks/service.ts';

export const callerIn = (world: string): Origin => ({
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
});

export const WEBHOOK_TABLES = [WEBHOOK_TABLE, RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE, IDEMPOTENCY_TABLE];

/** A log with matching, webhooks and deliveries. The clock starts at the real time and moves by hand. */
export async function openWebhooks(
  options: { disk?: MemoryDisk; resolve?: Resolve; ca?: readonly string[] } = {},
) {
  const disk = options.disk ?? createMemoryDisk();
  let nowMs = Date.now();
  const clock = { now: () => nowMs };
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({
    store: createMemoryStore({ tables: WEBHOOK_TABLES, disk }),
    reactor,
    clock,
    logger: silentLogger,
  });
  const egress = createEgress({
    policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
    logger: silentLogger,
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  });
  const box = createSecretBox(randomBytes(32));
  const service = createWebhookService({ log, egress, box, newId, clock });
  const deliveryDeps = {
    log,
    egress,
    box,
    newId,
    clock,
    logger: silentLogger,
    version: '0.1.0',
  };
  const executor = createDeliveryExecutor(deliveryDeps);

  async function publish(
    payload: JsonObject = { title: 'A note' },
    origin = callerIn('default'),
  ): Promise<CrucibleEvent> {
    const event = buildEvent({ type: 'custom.note.imported', payload }, origin, { newId });
    const [committed] = (await log.append({ events: [event] })).events;
    if (committed === undefined) throw new Error('nothing was committed');
    return committed;
  }

  /** The webhook's runs, newest first. */
  const runsOf = async (webhookId: string): Promise<readonly Run[]> =>
    (await log.records.byIndex({
      table: RUN_TABLE.name,
      index: 'run_target',
      equals: [`webhook:${webhookId}`],
      limit: 100,
    })) as unknown as readonly Run[];

  async function newestRun(webhookId: string): Promise<Run> {
    const [run] = await runsOf(webhookId);
    if (run === undefined) throw new Error(`${webhookId} has no run`);
    return run;
  }

  /** Executes one attempt of a run as dispatch does. */
  async function attempt(
    run: Run,
    settings: { attempt?: number; signal?: AbortSignal; executor?: typeof executor } = {},
  ): Promise<ActionOutcome> {
    const event = await log.at(run.event_position);
    const stored = await log.records.get(DEFINITION_TABLE.name, run.definition);
    if (event === undefined || stored === undefined)
      throw new Error('the run has lost its event or its definition');
    const chosen = settings.executor ?? executor;
    const definition = stored['definition'] as JsonObject;
    return chosen.execute({
      run,
      event,
      definition,
      attempt: settings.attempt ?? 1,
      idempotencyKey: `${run.id}.${run.generation}`,
      deadline: clock.now() + chosen.policy(definition).timeoutMs,
      signal: settings.signal ?? new AbortController().signal,
    });
  }

  return {
    disk,
    log,
    egress,
    box,
    service,
    executor,
    deliveryDeps,
    reactor,
    publish,
    runsOf,
    newestRun,
    attempt,
    clock,
    advance: (ms: number) => {
      nowMs += ms;
    },
    /** Every row of a table, as text: to look for what must not be there. */
    stored: (): string =>
      JSON.stringify([...disk.tables].map(([name, rows]) => [name, [...rows.values()]])) +
      JSON.stringify([...disk.commits.values()]),
    as: <T>(world: string, work: () => T): T => withOrigin(callerIn(world), work),
    async [Symbol.asyncDispose]() {
      await egress.close();
      await log.close();
    },
  };
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (request: Received, response: ServerResponse, raw: IncomingMessage) => void;

/** A real HTTP server that keeps what it gets and answers as told; 204 where nothing is told. */
export async function startReceiver(
  answer: Answer = (_request, response) => void response.writeHead(204).end(),
) {
  const received: Received[] = [];
  let respond = answer;
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const request = {
        method: raw.method ?? '',
        path: raw.url ?? '',
        headers: raw.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      received.push(request);
      respond(request, response, raw);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    answerWith: (next: Answer) => {
      respond = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
