import type { Clock } from '../kernel/clock.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Egress } from '../egress/egress.ts';
import { buildEvent } from '../events/build.ts';
import type { Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import { DEFINITION_TABLE } from '../dispatch/run.ts';
import type { TargetChange } from '../dispatch/target.ts';
import { assertKeepable, authOf, changedFields, changedRow } from './change.ts';
import { composeRow } from './compose.ts';
import { judge } from './judge.ts';
import { isFailing } from './status.ts';
import {
  asRow,
  asWebhookRow,
  definitionOf,
  openSecrets,
  targetIdOf,
  targetOf,
  viewOf,
  WEBHOOK_TABLE,
  type WebhookRow,
} from './row.ts';
import { newSigningSecret } from './signing-secret.ts';
import type { SecretBox } from './secret-box.ts';
import type { WebhookService, WebhookView } from './webhook.ts';

export interface WebhookServiceDeps {
  readonly log: Log;
  readonly egress: Egress;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly clock: Clock;
  /** Default: `node:crypto`. */
  readonly random?: (bytes: number) => Uint8Array;
}

/** How many statuses a list reads at a time. */
const STATUS_READS = 16;

/**
 * The service of webhooks. Which callers may see which webhook is not decided here: the API knows their worlds.
 *
 * Guarantee: a change is one append — row, definition, event and the change of what is matched — so a webhook that was
 * answered with an id gets the very next event, and one that was removed gets none after that.
 */
export function createWebhookService(deps: WebhookServiceDeps): WebhookService {
  const { log, egress, box, newId, clock } = deps;

  async function storedRow(id: string): Promise<WebhookRow> {
    const row = await log.records.get(WEBHOOK_TABLE.name, id);
    if (row === undefined) throw new CrucibleError('not_found', `There is no webhook ${JSON.stringify(id)}.`);
    return asWebhookRow(row);
  }

  const view = async (row: WebhookRow): Promise<WebhookView> =>
    viewOf(row, row.enabled && !row.paused && (await isFailing(log.records, row.id)));

  return {
    async create(input, options = {}) {
      const read = await judge(input, egress);
      const origin = originOfCall(newId);
      const secret = read.secret ?? newSigningSecret(deps.random);
      const now = clock.now();
      const row = composeRow(
        read,
        {
          id: newId('whk'),
          disabled_reason: null,
          paused: false,
          created_at: now,
          updated_at: now,
          signing: [{ secret, until: null }],
          auth: read.auth ?? null,
          world: origin.world,
        },
        box,
      );
      const change: TargetChange = { kind: 'target_set', target: targetOf(row) };
      const result = await log.append({
        events: [
          buildEvent({ type: 'webhook.created', payload: tell(row), subject: row.id }, origin, { newId }),
        ],
        mutations: [{ op: 'insert', table: WEBHOOK_TABLE.name, row: asRow(row) }, putDefinition(row)],
        changes: [change],
        answer: { webhook_id: row.id },
        ...(options.idempotency === undefined ? {} : { idempotency: options.idempotency }),
      });
      if (result.duplicates[0] === true) {
        const first = result.answer?.['webhook_id'];
        if (typeof first !== 'string')
          throw new CrucibleError('internal', 'A stored answer names no webhook.');
        return { webhook: await view(await storedRow(first)), secret: '', repeated: true };
      }
      return { webhook: viewOf(row, false), secret };
    },

    get: async (id) => view(await storedRow(id)),

    async list({ after, limit }) {
      const rows = await log.records.list(WEBHOOK_TABLE.name, {
        limit,
        ...(after === undefined ? {} : { after }),
      });
      const views: WebhookView[] = [];
      for (let start = 0; start < rows.length; start += STATUS_READS) {
        const some = rows.slice(start, start + STATUS_READS);
        views.push(...(await Promise.all(some.map((row) => view(asWebhookRow(row))))));
      }
      return views;
    },

    async remove(id) {
      const row = await storedRow(id);
      const change: TargetChange = { kind: 'target_removed', id: targetIdOf(id) };
      await log.append({
        events: [
          buildEvent({ type: 'webhook.deleted', payload: tell(row), subject: id }, originOfCall(newId), {
            newId,
          }),
        ],
        mutations: [{ op: 'remove', table: WEBHOOK_TABLE.name, id }],
        changes: [change],
      });
    },

    async update(id, input) {
      const before = await storedRow(id);
      const kept = openSecrets(box, before);
      const { auth, rest } = authOf(input);
      const read = await judge(rest, egress);
      assertKeepable(before, kept, { url: read.url, auth });
      const origin = originOfCall(newId);
      const row = changedRow(before, kept, { read, auth, world: origin.world, now: clock.now() }, box);
      const changed = changedFields([before, kept], [row, openSecrets(box, row)]);
      if (changed.length === 0) return view(before);
      const { id: _, ...set } = asRow(row);
      const payload = { ...tell(row), changed };
      const change: TargetChange = { kind: 'target_set', target: targetOf(row) };
      try {
        await log.append({
          events: [buildEvent({ type: 'webhook.updated', payload, subject: id }, origin, { newId })],
          mutations: [
            {
              op: 'patch',
              table: WEBHOOK_TABLE.name,
              id,
              // What is kept is of this version. An endpoint can be disabled within its millisecond.
              when: { updated_at: before.updated_at, enabled: before.enabled },
              set,
            },
            putDefinition(row),
          ],
          changes: [change],
        });
      } catch (error) {
        if (!isCrucibleError(error, 'conflict')) throw error;
        await storedRow(id);
        throw new CrucibleError('conflict', `The webhook ${id} was changed by somebody else meanwhile.`, {
          hint: 'read it and send the whole webhook again',
          cause: error,
        });
      }
      return view(row);
    },
  };
}

/** Definitions are kept by their hash: runs that have matched an older one keep it. */
const putDefinition = (row: WebhookRow): Mutation => ({
  op: 'put',
  table: DEFINITION_TABLE.name,
  row: { id: row.definition, kind: 'webhook', definition: definitionOf(row) },
});

/** What an event says of a webhook: nothing secret. */
const tell = (row: WebhookRow) => ({ webhook_id: row.id, name: row.name, url: row.url });

/** Whoever calls; outside of a request it is the system itself. */
const originOfCall = (newId: NewId): Origin =>
  currentOrigin() ?? {
    source: { kind: 'system', component: 'webhooks' },
    actor: 'system:webhooks',
    world: 'default',
    correlation_id: newId('cor'),
    causation_id: null,
    depth: 0,
  };
