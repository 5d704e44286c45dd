import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import { buildEvent } from '../events/build.ts';
import type { AppendRequest, Log } from '../log/log.ts';
import type { TargetChange } from '../dispatch/target.ts';
import { asWebhookRow, targetOf, WEBHOOK_TABLE, type WebhookRow } from './row.ts';

export interface DisableDeps {
  readonly log: Log;
  readonly newId: NewId;
  readonly clock: Clock;
  /** Another process writes, which sees from the row what is matched (`withDisabledEndpoints`). */
  readonly matchedElsewhere?: boolean;
}

/**
 * Disables an endpoint on our side: its row, a `webhook.disabled` event with the reason, and what is matched, in one
 * append. Its events are recorded as `skipped: disabled` from then on. One that is disabled or removed already stays so.
 * @throws CrucibleError those of `Log.append`, but for `conflict` and `not_found`
 */
export async function disableEndpoint(
  { log, newId, clock, matchedElsewhere }: DisableDeps,
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
      ...(matchedElsewhere !== true && { changes: [change] }),
      ledger: true,
    });
  } catch (error) {
    if (!isCrucibleError(error, 'conflict') && !isCrucibleError(error, 'not_found')) throw error;
  }
}

/**
 * For appends of workers, in the process that writes: one that disables an endpoint changes what is matched too. The row
 * that it names is read here; if it is another one by the time of the commit, the guard of the append refuses it.
 */
export const withDisabledEndpoints = (
  log: Pick<Log, 'append'> & { readonly records: Pick<Log['records'], 'get'> },
): Pick<Log, 'append'> => {
  const disabledBy = async ({ mutations = [] }: AppendRequest): Promise<readonly TargetChange[]> => {
    const changes: TargetChange[] = [];
    for (const mutation of mutations) {
      if (mutation.op !== 'patch' || mutation.table !== WEBHOOK_TABLE.name) continue;
      if (mutation.set['enabled'] !== false) continue;
      const row = await log.records.get(WEBHOOK_TABLE.name, mutation.id);
      if (row !== undefined)
        changes.push({ kind: 'target_set', target: { ...targetOf(asWebhookRow(row)), enabled: false } });
    }
    return changes;
  };
  return {
    append: async (request) => {
      const touches = request.mutations?.some(
        ({ op, table }) => op === 'patch' && table === WEBHOOK_TABLE.name,
      );
      if (touches !== true) return log.append(request);
      const changes = await disabledBy(request);
      return log.append(changes.length === 0 ? request : { ...request, changes });
    },
  };
};
