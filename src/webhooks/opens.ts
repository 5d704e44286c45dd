import type { Records } from '../log/records.ts';
import { asWebhookRow, openSecrets, WEBHOOK_TABLE } from './row.ts';
import type { SecretBox } from './secret-box.ts';

const LOOKED_AT = 100;

/**
 * Whether stored secrets open with this key: with another one every delivery would fail, one by one. A single row that was
 * altered is told of when it is delivered to, and stops nothing else.
 * @throws CrucibleError `config_invalid` when there are webhooks, and the secrets of none of them open
 */
export const assertOpens = async (records: Records, box: SecretBox): Promise<void> => {
  let failure: unknown;
  for (const row of await records.list(WEBHOOK_TABLE.name, { limit: LOOKED_AT })) {
    try {
      openSecrets(box, asWebhookRow(row));
      return;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
};
