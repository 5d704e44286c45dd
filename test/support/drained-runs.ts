import type { Client } from '@temporalio/client';

/** The ids of the runs that the drain of a target has worked, in the order in which they began, out of its histories. */
export const drainedRuns = async (client: Client, target: string): Promise<readonly string[]> => {
  const executions = await Array.fromAsync(
    client.workflow.list({ query: `WorkflowId = "drain:${target}"` }),
    ({ runId, startTime }) => ({ runId, startTime }),
  );
  const ids: string[] = [];
  for (const { runId } of executions.toSorted((a, b) => Number(a.startTime) - Number(b.startTime))) {
    const { events } = await client.workflow.getHandle(`drain:${target}`, runId).fetchHistory();
    for (const event of events ?? []) {
      for (const { data } of event.activityTaskCompletedEventAttributes?.result?.payloads ?? []) {
        const reply = JSON.parse(Buffer.from(data ?? []).toString()) as { run_ids: readonly string[] };
        ids.push(...reply.run_ids);
      }
    }
  }
  return ids;
};
