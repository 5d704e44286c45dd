import type { Rest } from '../support/rest.ts';
import type { Memory } from './load.ts';

interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly position: number;
  readonly timestamp: string;
  readonly payload: Record<string, unknown>;
}

export interface StoredRun {
  readonly id: string;
  readonly event_id: string;
  readonly state: string;
  readonly workflow_id: string | null;
}

/** Every event, in order, read page by page through the API. */
export const readAll = async (rest: Rest): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for (let cursor = ''; ;) {
    const { status, body } = await rest(
      'GET',
      `/events?order=asc&limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    if (status !== 200) throw new Error(`reading was answered ${status}: ${JSON.stringify(body)}`);
    events.push(...body.data);
    if (body.next_cursor === null) return events;
    cursor = body.next_cursor;
  }
};

/** Every run of a target. */
export const readRuns = async (rest: Rest, path: string): Promise<readonly StoredRun[]> => {
  const runs: StoredRun[] = [];
  for (let cursor = ''; ;) {
    const { status, body } = await rest(
      'GET',
      `${path}?limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    if (status !== 200) throw new Error(`reading ${path} was answered ${status}: ${JSON.stringify(body)}`);
    runs.push(...body.data);
    if (body.next_cursor === null) return runs;
    cursor = body.next_cursor;
  }
};

/** What is wrong with the log, as one who remembers what was sent sees it. Empty: nothing. Pure. */
export const auditLog = (events: readonly StoredEvent[], memory: Memory): readonly string[] => {
  const faults: string[] = [];
  for (const [index, event] of events.entries()) {
    if (event.position !== index + 1) {
      faults.push(`position ${event.position} stands where ${index + 1} should: a gap or a repeat`);
      break;
    }
    const before = events[index - 1];
    if (before !== undefined && event.timestamp < before.timestamp)
      faults.push(`time goes back at ${event.position}`);
  }
  const stored = new Map<unknown, StoredEvent[]>();
  for (const event of events) {
    if (!event.type.startsWith('custom.crash.')) continue;
    const n = event.payload['n'];
    stored.set(n, [...(stored.get(n) ?? []), event]);
  }
  for (const { n, key, acknowledged } of memory.sent) {
    const found = stored.get(n) ?? [];
    if (found.length > 1) faults.push(`${key} is stored ${found.length} times`);
    if (acknowledged === undefined) continue;
    const [event] = found;
    if (event === undefined) faults.push(`${key}, acknowledged at ${acknowledged.position}, is lost`);
    else if (event.id !== acknowledged.id || event.position !== acknowledged.position) {
      faults.push(
        `${key} was acknowledged as ${acknowledged.id}@${acknowledged.position} and is ${event.id}@${event.position}`,
      );
    }
  }
  return faults;
};

/** What is wrong with the runs of one target: each hooked event has one, with one workflow and one terminal event. Pure. */
export const auditRuns = (
  what: string,
  events: readonly StoredEvent[],
  runs: readonly StoredRun[],
  terminal: ReadonlySet<string>,
): readonly string[] => {
  const faults: string[] = [];
  const byEvent = Map.groupBy(runs, (run) => run.event_id);
  const hooked = events.filter((event) => event.type === 'custom.crash.hooked');
  for (const event of hooked) {
    const of = byEvent.get(event.id) ?? [];
    if (of.length !== 1) faults.push(`${what}: event ${event.id}@${event.position} has ${of.length} runs`);
  }
  if (runs.length !== hooked.length) faults.push(`${what}: ${runs.length} runs for ${hooked.length} events`);
  for (const run of runs) if (run.state !== 'succeeded') faults.push(`${what}: ${run.id} is ${run.state}`);
  const told = events
    .filter((event) => terminal.has(event.type))
    .map((event) => String(event.payload['run_id']));
  const ids = new Set(runs.map((run) => run.id));
  const counts = Map.groupBy(
    told.filter((id) => ids.has(id)),
    (id) => id,
  );
  for (const run of runs) {
    const times = counts.get(run.id)?.length ?? 0;
    if (times !== 1) faults.push(`${what}: ${run.id} has ${times} terminal events`);
  }
  return faults;
};

/** Whether a run was worked by the drain of its target, in a workflow that it shares with others. */
export const isDrained = ({ workflow_id: workflowId }: Pick<StoredRun, 'workflow_id'>): boolean =>
  workflowId?.startsWith('drain:') === true;

/**
 * What is wrong with the workflow executions that Temporal knows: each run that runs directly has one, under the id on
 * its row; a drained one shares those of its target's drain, so that it ran once shows in its terminal event alone; and
 * there are no others. Pure.
 */
export const auditExecutions = (
  executions: readonly { readonly workflowId: string }[],
  runs: readonly Pick<StoredRun, 'id' | 'workflow_id'>[],
): readonly string[] => {
  const byId = Map.groupBy(executions, ({ workflowId }) => workflowId);
  const faults = runs.flatMap((run) => {
    const times = byId.get(run.workflow_id ?? '')?.length ?? 0;
    const right = isDrained(run) ? times >= 1 : times === 1;
    return right ? [] : [`${run.workflow_id} of ${run.id} was started ${times} times`];
  });
  const known = new Set(runs.map((run) => run.workflow_id));
  for (const workflowId of byId.keys())
    if (!known.has(workflowId)) faults.push(`${workflowId} was started, and no run has that id`);
  return faults;
};
