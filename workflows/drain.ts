import {
  ActivityCancellationType,
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { MAX_LISTED_RUNS, POKE_SIGNAL, SEARCH_ATTRIBUTES } from './protocol.ts';
import type { DrainActivities, DrainInput } from './protocol.ts';

/*
 * The life of a target's drain, workflow id `drain:<target>`:
 *
 *   working --`again`-->  working                   (the activity's time was up, or its pack full)
 *   working --`due`-->    waiting                   (nothing can be claimed before a time)
 *   working --`asleep`--> completed                 (unless it was poked meanwhile: working)
 *   waiting --poked, or the time has come--> working
 *   any, history long --> continued as new
 *
 * The rows are the truth: a poke has no content, and what is claimed the activity finds out. Its result names the runs
 * that it worked, so that each is found in a history.
 */

/** Between the last claim and the end of the slowest attempt, whose own time-out is what ends it. */
const START_TO_CLOSE = '25 hours';

/** How long a worker may be silent before another takes its claims over. */
const HEARTBEAT_TIMEOUT = '20 seconds';

const { drain: work } = proxyActivities<DrainActivities>({
  startToCloseTimeout: START_TO_CLOSE,
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

const runIdsKey = defineSearchAttributeKey('CrucibleRunIds', SEARCH_ATTRIBUTES.CrucibleRunIds);

/** Works the line of one target until nothing stands in it. */
export async function drain(input: DrainInput): Promise<{ readonly worked: number }> {
  let poked = false;
  setHandler(defineSignal(POKE_SIGNAL), () => {
    poked = true;
  });
  let { worked } = input;
  for (let sequence = 1; ; sequence += 1) {
    poked = false;
    const reply = await work({ target: input.target, sequence });
    worked += reply.run_ids.length;
    setCurrentDetails(`${worked} runs worked.`);
    if (reply.run_ids.length > 0)
      upsertSearchAttributes([{ key: runIdsKey, value: reply.run_ids.slice(0, MAX_LISTED_RUNS) }]);
    if (reply.next === 'asleep' && !poked) return { worked };
    if (reply.next === 'due') await condition(() => poked, Math.max(1, reply.delay_ms));
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof drain>({ target: input.target, worked });
  }
}
