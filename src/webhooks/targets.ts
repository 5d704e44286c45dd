import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Records } from '../log/records.ts';
import type { Target } from '../dispatch/target.ts';
import { asWebhookRow, targetOf, WEBHOOK_TABLE, type WebhookRow } from './row.ts';

const PAGE = 1_000;

/**
 * All stored webhooks as targets, at start-up, before the first request is matched.
 * @throws CrucibleError `invalid`, naming the webhook, when its stored filters are none any more
 */
export async function loadTargets(records: Records): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for (let after: string | undefined; ;) {
    const rows = await records.list(WEBHOOK_TABLE.name, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of rows) targets.push(storedTarget(asWebhookRow(row)));
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return targets;
  }
}

/** A webhook that cannot be matched must not be passed over: its events would be missing from the ledger. */
function storedTarget(row: WebhookRow): Target {
  try {
    return targetOf(row);
  } catch (cause) {
    throw new CrucibleError(
      'invalid',
      `The stored filters of the webhook ${row.id} cannot be used: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
