import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';

export interface BareOptions {
  /** Of a running server: the same one that the product is measured on. */
  readonly address: string;
  readonly namespace: string;
  /** One workflow at a time. */
  readonly rounds: number;
  /** Not counted. */
  readonly warmup: number;
}

/** From the call of `start`, in the order of the rounds. ms */
export interface BareLatencies {
  readonly startReturned: readonly number[];
  readonly actionBegan: readonly number[];
  /** How many starts were eager: the others measure something else. */
  readonly eager: number;
}

/**
 * The baseline of publish-to-action: Temporal's SDK alone, eager start and a local activity that does nothing, with
 * nothing of ours in between. Runs its own worker on its own task queue.
 */
export const bareWorkflowLatencies = async (options: BareOptions): Promise<BareLatencies> => {
  const { address, namespace, rounds, warmup } = options;
  const connection = await NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
  const taskQueue = `bare-${randomUUID()}`;
  const waiting = new Map<string, (began: number) => void>();
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('bare-workflow-code.ts', import.meta.url)),
    }),
    activities: {
      act: async (id: string): Promise<void> => waiting.get(id)?.(performance.now()),
    },
  });
  const running = worker.run();
  const client = new Client({ connection, namespace });
  const startReturned: number[] = [];
  const actionBegan: number[] = [];
  let eager = 0;
  for (let round = 0; round < rounds + warmup; round += 1) {
    const id = randomUUID();
    const begun = Promise.withResolvers<number>();
    waiting.set(id, begun.resolve);
    const called = performance.now();
    const handle = await client.workflow.start('bare', {
      workflowId: `bare-${id}`,
      taskQueue,
      args: [id],
      requestEagerStart: true,
      workflowTaskTimeout: 3_000,
    });
    const returned = performance.now();
    const began = await begun.promise;
    await handle.result();
    waiting.delete(id);
    if (round < warmup) continue;
    startReturned.push(returned - called);
    actionBegan.push(began - called);
    if (handle.eagerlyStarted) eager += 1;
  }
  worker.shutdown();
  await running;
  await connection.close();
  return { startReturned, actionBegan, eager };
};

/** Workflows under way at once: more of them make neither the server nor the worker faster. */
const BARE_AT_ONCE = 64;

/**
 * The baseline of a backlog: one workflow each, started eagerly, whose local activity does `act`. Nothing of ours in
 * between, and no ledger.
 */
export const bareBacklog = async (options: {
  readonly address: string;
  readonly namespace: string;
  readonly act: () => Promise<void>;
}) => {
  const { address, namespace } = options;
  const connection = await NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
  const taskQueue = `bare-${randomUUID()}`;
  const waiting = new Map<string, () => void>();
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    maxConcurrentWorkflowTaskExecutions: 120,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('bare-workflow-code.ts', import.meta.url)),
    }),
    activities: {
      act: async (id: string): Promise<void> => {
        await options.act();
        waiting.get(id)?.();
      },
    },
  });
  const running = worker.run();
  const client = new Client({ connection, namespace });

  const one = async (): Promise<void> => {
    const id = randomUUID();
    const acted = Promise.withResolvers<void>();
    waiting.set(id, acted.resolve);
    await client.workflow.start('bare', {
      workflowId: `bare-${id}`,
      taskQueue,
      args: [id],
      requestEagerStart: true,
      workflowTaskTimeout: 3_000,
    });
    // To ask for its result would cost the server as much again: the end of its action is taken for its end.
    await acted.promise;
    waiting.delete(id);
  };

  return {
    /** @returns workflows a second */
    round: async (workflows: number): Promise<number> => {
      const began = performance.now();
      let left = workflows;
      const starter = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          await one();
        }
      };
      await Promise.all(Array.from({ length: BARE_AT_ONCE }, starter));
      return (workflows / (performance.now() - began)) * 1_000;
    },
    async [Symbol.asyncDispose]() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
};
