import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer } from '../support/server-process.ts';
import { temporalServer } from '../support/temporal-server.ts';
import {
  auditExecutions,
  auditLog,
  auditRuns,
  isDrained,
  readAll,
  readRuns,
  type StoredRun,
} from './audit.ts';
import { load, settle, type Memory } from './load.ts';
import { seeded } from './random.ts';

export interface CrashOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface CrashReport {
  readonly faults: readonly string[];
  readonly sent: number;
  readonly acknowledged: number;
  readonly events: number;
  readonly runs: number;
  /** How many of them were worked by a drain. */
  readonly drained: number;
  /** Deliveries that the sink took, by `webhook-id`. More than one is at-least-once at work. */
  readonly deliveries: ReadonlyMap<string, number>;
}

const HOOK = {
  name: 'crash-hook',
  trigger: { events: [{ type: 'custom.crash.hooked' }] },
  action: {
    type: 'script',
    source: 'export default async (input) => ({ output: { n: input.event.payload.n } })',
  },
};

/** A receiver that counts by `webhook-id`. */
const startSink = async () => {
  const seen = new Map<string, number>();
  const server = createServer((req, res) => {
    const id = String(req.headers['webhook-id']);
    seen.set(id, (seen.get(id) ?? 0) + 1);
    req.resume().on('end', () => res.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const mustBe = (expected: number, answer: { status: number; body: unknown }): void => {
  if (answer.status !== expected)
    throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`);
};

const ended = (runs: readonly StoredRun[]): boolean =>
  runs.every(({ state }) => !['pending', 'running', 'retrying', 'held'].includes(state));

/** Waits until every run has ended. The bound is there for a run that never does: it is then a fault of its state. */
const runsOf = async (rest: Rest, path: string): Promise<readonly StoredRun[]> => {
  for (let tries = 0; ; tries += 1) {
    const runs = await readRuns(rest, path);
    if (ended(runs) || tries > 600) return runs;
    await delay(200);
  }
};

/**
 * Rounds of: start the server, load it, kill it with SIGKILL at a random moment, start it again, send again what was in
 * doubt, and read everything back through a second client. At the end all runs must have ended, each started once.
 */
export const crashRounds = async ({ rounds, seed, say }: CrashOptions): Promise<CrashReport> => {
  const random = seeded(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-crash-'));
  await using temporal = await temporalServer();
  await using sink = await startSink();
  const memory: Memory = { sent: [], next: 0 };
  const faults: string[] = [];
  const at = { dataDir, temporal };
  let webhook = '';
  try {
    for (let round = 1; round <= rounds && faults.length === 0; round += 1) {
      await using server = await startServer(at);
      const rest = restOf(server.url);
      if (round === 1) {
        mustBe(201, await rest('POST', '/hooks', HOOK));
        const made = await rest('POST', '/webhooks', {
          url: sink.url,
          filters: [{ event_type: 'custom.crash.hooked' }],
          options: { retry: { backoff: 'fixed', initial_ms: 500, max_attempts: 10 } },
        });
        mustBe(201, made);
        webhook = made.body.id;
      } else {
        await settle(rest, memory);
        faults.push(
          ...auditLog(await readAll(restOf(server.url)), memory).map((fault) => `round ${round}: ${fault}`),
        );
      }
      const stop = new AbortController();
      const loading = load(rest, memory, {
        callers: 8,
        // Every third round is a burst: more than can run directly, so that the drains are killed too.
        hookedEvery: round % 3 === 0 ? 1 : 40,
        signal: stop.signal,
        run: `seed${seed}`,
      });
      await delay(100 + random() * 900);
      await server.kill();
      stop.abort();
      await loading;
      const acknowledged = memory.sent.filter((sent) => sent.acknowledged !== undefined).length;
      say(
        `round ${round}/${rounds}: ${memory.sent.length} sent, ${acknowledged} acknowledged, ${faults.length} faults`,
      );
    }

    await using server = await startServer(at);
    const rest = restOf(server.url);
    await settle(rest, memory);
    const hookRuns = await runsOf(rest, '/hooks/crash-hook/runs');
    const deliveryRuns = await runsOf(rest, `/webhooks/${webhook}/deliveries`);
    const runs = [...hookRuns, ...deliveryRuns];
    const events = await readAll(restOf(server.url));
    faults.push(
      ...auditLog(events, memory),
      ...auditRuns('hook', events, hookRuns, new Set(['hook.executed', 'hook.failed', 'hook.skipped'])),
      ...auditRuns(
        'webhook',
        events,
        deliveryRuns,
        new Set(['webhook.delivered', 'webhook.delivery_failed']),
      ),
      ...auditExecutions(await executionsOf(temporal, runs.filter((run) => !isDrained(run)).length), runs),
    );
    if (sink.seen.size !== deliveryRuns.length) {
      faults.push(`the sink saw ${sink.seen.size} webhook ids for ${deliveryRuns.length} deliveries`);
    }
    const code = await server.stop();
    if (code !== 0) faults.push(`SIGTERM ended the server with ${code}`);
    return {
      faults,
      sent: memory.sent.length,
      acknowledged: memory.sent.filter((sent) => sent.acknowledged !== undefined).length,
      events: events.length,
      runs: runs.length,
      drained: runs.filter(isDrained).length,
      deliveries: sink.seen,
    };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
};

/** Every execution that Temporal lists; its visibility lags behind a little, so it is asked until it shows all. */
const executionsOf = async (
  { address, namespace }: { address: string; namespace: string },
  expected: number,
): Promise<readonly { workflowId: string }[]> => {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    for (let tries = 0; ; tries += 1) {
      const executions = await Array.fromAsync(client.workflow.list(), ({ workflowId }) => ({ workflowId }));
      if (executions.length >= expected || tries > 50) return executions;
      await delay(200);
    }
  } finally {
    await connection.close();
  }
};
