import { proxyLocalActivities } from '@temporalio/workflow';

interface BareActivities {
  act(id: string): Promise<void>;
}

/** The least that a reaction can be: one local activity. */
export async function bare(id: string): Promise<void> {
  await proxyLocalActivities<BareActivities>({ startToCloseTimeout: 10_000 }).act(id);
}
