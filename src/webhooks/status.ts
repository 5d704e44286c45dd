import type { Records } from '../log/records.ts';
import { RUN_TABLE, type RunState } from '../dispatch/run.ts';
import { targetIdOf } from './row.ts';

/** How many of the newest runs are asked. Beyond them, nothing recent is known, and nothing is wrong. */
const LOOK_AT = 20;

/** Whether what is known of the newest deliveries says that they fail. The first one that says something decides. Pure. */
export function failingBy(
  newestFirst: readonly { readonly state: RunState; readonly reason: string | null }[],
): boolean {
  for (const { state, reason } of newestFirst) {
    if (state === 'succeeded') return false;
    if (state === 'retrying' || state === 'failed' || state === 'dead') return true;
    // Its address has become one that may not be reached: nothing arrives, whatever the word for it.
    if (state === 'skipped' && reason === 'egress_denied') return true;
  }
  return false;
}

/** Whether the last delivery that came to something failed: one bounded read of an index. */
export async function isFailing(records: Records, webhookId: string): Promise<boolean> {
  const rows = await records.byIndex({
    table: RUN_TABLE.name,
    index: 'run_target',
    equals: [targetIdOf(webhookId)],
    limit: LOOK_AT,
  });
  return failingBy(rows as unknown as readonly { state: RunState; reason: string | null }[]);
}
