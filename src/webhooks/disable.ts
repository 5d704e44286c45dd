import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import { buildEvent } from '../events/build.ts';
import type { Log } from '../log/log.ts';
import type { TargetChange } from '../dispatch/target.ts';
import { targetOf, WEBHOOK_TABLE, type WebhookRow } from './row.ts';

export interface DisableDeps {
  readonly log: Log;
  readonly newId: NewId;
  readonly clock: Clock;
}

/**
 * Disables an endpoint on our side: its row, a `webhook.disabled` event with the reason, and what is matched, in one
 * append. Its events are recorded as `skipped: disabled` from then on. One that is disabled or removed already stays so.
 * @throws CrucibleError those of `Log.append`, but for `conflict` and `not_found`
 */
export async function disableEndpoint(
  { log, newId, clock }: DisableDeps,
  row: WebhookRow,
  reason: string,
  origin: Origin,
): Promise<void> {
  const change: TargetChange = { kind: 'target_set', target: { ...targetOf(row), enabled: false } };
  const payload = { webhook_id: row.id, name: row.name, url: row.url, reason };
  try {
    await log.append({
      events: [buildEvent({ type: 'webhook.disabled', payload, subject: row.id }, origin, { newId })],
      mutations: [
        {
          op: 'patch',
          table: WEBHOOK_TABLE.name,
          id: row.id,
          // A row that was changed since it was read is not the one that this reason is about.
          when: { enabled: true, updated_at: row.updated_at },
          set: { enabled: false, disabled_reason: reason, updated_at: clock.now() },
        },
      ],
      changes: [change],
      ledger: true,
    });
  } catch (error) {
    if (!isCrucibleError(error, 'conflict') && !isCrucibleError(error, 'not_found')) throw error;
  }
}
