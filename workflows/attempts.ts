import {
  ActivityCancellationType,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow';
import type { AttemptActivities, AttemptReply, AttemptRequest, RunInput, RunResult } from './protocol.ts';

/*
 * The life of one run's workflow:
 *
 *   waiting   --delay over-->  attempting
 *   attempting --reply `attempt`--> waiting     (the ledger holds the failed attempt and when the next is due)
 *   attempting --reply `done`-->    completed
 *   any       --cancelled-->        cancelled   (an attempt under way is aborted and told first)
 *
 * Whether an attempt failed, and whether there is another, the activity decides and records before it replies. An
 * activity that *throws* could not reach the ledger (or lost its worker): it is executed again under the same attempt
 * number, without end, because only a recorded attempt may count. It looks first whether its attempt is recorded.
 */

/** What an attempt may take beyond its own time-out: a ledger write that waits for the log. ms */
const LEDGER_GRACE_MS = 30_000;

/** How long a worker may be silent before its attempt is given to another one. ms */
const HEARTBEAT_TIMEOUT_MS = 20_000;

const regular = (timeoutMs: number): AttemptActivities =>
  proxyActivities<AttemptActivities>({
    startToCloseTimeout: timeoutMs + LEDGER_GRACE_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 },
  });

/**
 * In the same process and task, which saves two trips to the server. It holds a workflow-task slot, so it is tried
 * once: what cannot be recorded at once goes on as a regular activity.
 */
const local = (timeoutMs: number): AttemptActivities =>
  proxyLocalActivities<AttemptActivities>({
    startToCloseTimeout: timeoutMs + LEDGER_GRACE_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
  });

const attemptLocally = async (
  request: AttemptRequest,
  timeoutMs: number,
): Promise<AttemptReply | undefined> => {
  try {
    return await local(timeoutMs).attempt(request);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the attempt could not be recorded by a local activity; a regular one takes over', { error });
    return undefined;
  }
};

/** Attempts until the ledger says that the run has ended. */
export const runAttempts = async (input: RunInput): Promise<RunResult> => {
  let attempt = input.attempt;
  let delayMs = input.delay_ms;
  let first = true;
  for (;;) {
    if (delayMs > 0) {
      setCurrentDetails(
        `Attempt ${attempt} follows ${delayMs} ms after ${first ? 'the start' : `attempt ${attempt - 1}`}.`,
      );
      await sleep(delayMs);
    }
    const request = { run_id: input.run_id, generation: input.generation, attempt };
    const reply =
      (input.local && first ? await attemptLocally(request, input.timeout_ms) : undefined) ??
      (await regular(input.timeout_ms).attempt(request));
    first = false;
    if (reply.next === 'done') {
      const why = reply.reason === null ? '' : `: ${reply.reason}`;
      setCurrentDetails(`Ended after attempt ${attempt}: **${reply.state}**${why}.`);
      return { state: reply.state, reason: reply.reason, attempts: attempt };
    }
    attempt = reply.attempt;
    delayMs = reply.delay_ms;
  }
};
