import type { Clock } from '../kernel/clock.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError, type Issue } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Egress } from '../egress/egress.ts';
import { buildEvent } from '../events/build.ts';
import type { EventFilter } from '../events/filter.ts';
import { parseFilters } from '../events/filters/index.ts';
import type { Log } from '../log/log.ts';
import { DEFINITION_TABLE } from '../dispatch/run.ts';
import type { TargetChange } from '../dispatch/target.ts';
import { isCredentialHeader } from '../egress/header-rules.ts';
import { readInput, type ReadInput } from './input.ts';
import { isFailing } from './status.ts';
import {
  asRow,
  asWebhookRow,
  authHint,
  definitionOf,
  sealSecrets,
  targetIdOf,
  targetOf,
  viewOf,
  WEBHOOK_TABLE,
  withDefinition,
  type WebhookRow,
} from './row.ts';
import { hintOf, newSigningSecret } from './signing-secret.ts';
import type { SecretBox } from './secret-box.ts';
import type { WebhookAuth, WebhookService, WebhookView } from './webhook.ts';

export interface WebhookServiceDeps {
  readonly log: Log;
  readonly egress: Egress;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly clock: Clock;
  /** Default: `node:crypto`. */
  readonly random?: (bytes: number) => Uint8Array;
}

/** An input that nothing is wrong with, its filters in canonical form. */
type JudgedInput = Omit<ReadInput, 'filters'> & { readonly filters: readonly EventFilter[] };

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
      const row = newRow(read, { id: newId('whk'), secret, origin, box, now: clock.now() });
      const change: TargetChange = { kind: 'target_set', target: targetOf(row) };
      const result = await log.append({
        events: [
          buildEvent({ type: 'webhook.created', payload: tell(row), subject: row.id }, origin, { newId }),
        ],
        mutations: [
          { op: 'insert', table: WEBHOOK_TABLE.name, row: asRow(row) },
          {
            op: 'put',
            table: DEFINITION_TABLE.name,
            row: { id: row.definition, kind: 'webhook', definition: definitionOf(row) },
          },
        ],
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
  };
}

/**
 * Everything that is wrong with an input, at once.
 * @throws CrucibleError `egress_denied` when the address is all that is wrong, else `invalid`
 */
async function judge(input: unknown, egress: Egress): Promise<JudgedInput> {
  const given = isObject(input) ? input : {};
  const { value, issues: shape } = readInput(input);
  const parsed = parseFilters(given['filters'], 'filters');
  const issues: Issue[] = isObject(input) ? [...shape, ...parsed.issues] : [...shape];

  let denied: CrucibleError | undefined;
  const url = given['url'];
  if (typeof url === 'string' && !issues.some(({ path }) => path === 'url')) {
    try {
      await egress.check(url);
    } catch (error) {
      if (!isCrucibleError(error, 'egress_denied')) throw error;
      denied = error;
    }
  }
  if (denied !== undefined) {
    const issue: Issue = {
      path: 'url',
      message: denied.message,
      ...(denied.hint === undefined ? {} : { hint: denied.hint }),
    };
    if (issues.length === 0) {
      throw new CrucibleError('egress_denied', denied.message, {
        issues: [issue],
        ...(denied.hint === undefined ? {} : { hint: denied.hint }),
      });
    }
    issues.push(issue);
  }
  if (value === undefined || issues.length > 0) {
    throw new CrucibleError('invalid', 'The webhook is not valid.', { issues });
  }
  return { ...value, filters: parsed.filters };
}

function newRow(
  read: JudgedInput,
  made: { id: string; secret: string; origin: Origin; box: SecretBox; now: number },
): WebhookRow {
  const { id, secret, origin, box, now } = made;
  const auth: WebhookAuth | null = read.auth ?? null;
  const all = Object.entries(read.options.headers);
  const credentials = all.filter(([name]) => isCredentialHeader(name));
  const shown = all.map(([name, value]) => [name, isCredentialHeader(name) ? hintOf(value) : value] as const);
  return withDefinition({
    id,
    name: read.name ?? new URL(read.url).host,
    url: read.url,
    enabled: read.enabled,
    disabled_reason: null,
    paused: false,
    filters: read.filters,
    worlds: [...new Set(read.worlds ?? [origin.world])],
    auth: auth === null ? null : { type: auth.type, hint: authHint(auth) },
    secret_hint: hintOf(secret),
    options: { ...read.options, retry: definedOnly(read.options.retry), headers: Object.fromEntries(shown) },
    sealed: sealSecrets(box, id, {
      signing: [{ secret, until: null }],
      auth,
      headers: Object.fromEntries(credentials),
    }),
    created_at: now,
    updated_at: now,
  });
}

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

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Optional fields that are absent are absent, not undefined: rows are JSON. */
const definedOnly = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value as JsonObject).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
