import type { Clock } from '../kernel/clock.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import { EgressError, type Egress, type EgressResponse } from '../egress/egress.ts';
import type { Log } from '../log/log.ts';
import type { ActionOutcome, AttemptContext, Executor } from '../dispatch/outcome.ts';
import { readDefinition, type DeliveryRules } from './delivery-rules.ts';
import { requestDetail, responseDetail, timingDetail } from './detail.ts';
import { disableEndpoint } from './disable.ts';
import { createInFlight } from './in-flight.ts';
import { createRecentLatency } from './latency.ts';
import { createOpenings, type OpenedSecrets } from './opened.ts';
import { buildRequest, type DeliveryRequest } from './request.ts';
import { verdictOfError, verdictOfStatus, type Verdict } from './response-rules.ts';
import { policyOf } from './retry.ts';
import { retryAfterMs } from '../egress/retry-after.ts';
import { asWebhookRow, targetIdOf, WEBHOOK_TABLE, type WebhookRow } from './row.ts';
import type { SecretBox } from './secret-box.ts';

export interface DeliveryDeps {
  readonly log: Log;
  readonly egress: Egress;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of Crucible, for `user-agent`. */
  readonly version: string;
  /** Whether another process writes, and matches. */
  readonly matchedElsewhere?: boolean;
}

/**
 * Delivers one event to one endpoint, once. When to try again is for the run; whether to is in the outcome.
 *
 * Guarantee: a failure of this side (store, key, resolver, shutdown) is `retryable` and `ours`, and so is never charged
 * to the endpoint.
 */
export function createDeliveryExecutor(deps: DeliveryDeps): Executor {
  const inFlight = createInFlight();
  const latency = createRecentLatency();
  const open = createOpenings(deps.box);

  async function send(
    context: AttemptContext,
    row: WebhookRow,
    opened: OpenedSecrets,
  ): Promise<ActionOutcome> {
    const rules = readDefinition(context.definition);
    const queuedAt = deps.clock.now();
    const leave = await inFlight.enter(row.id, rules.maxInFlight, context.signal);
    try {
      const request = buildRequest({
        ...context,
        row,
        opened,
        name: rules.name,
        format: rules.format,
        nowMs: deps.clock.now(),
        version: deps.version,
      });
      return await exchange(context, row, rules, request, deps.clock.now() - queuedAt);
    } finally {
      leave();
    }
  }

  async function exchange(
    context: AttemptContext,
    row: WebhookRow,
    rules: DeliveryRules,
    request: DeliveryRequest,
    waitedMs: number,
  ): Promise<ActionOutcome> {
    const { url, headers, body } = request;
    // Waiting for a place takes from the attempt's time, and may leave the request less than it was promised.
    const timeoutMs = Math.max(1, Math.min(rules.timeoutMs, policyTimeout(rules) - waitedMs));
    let response: EgressResponse;
    try {
      response = await deps.egress.request({
        method: 'POST',
        url,
        headers,
        body,
        timeoutMs,
        signal: context.signal,
      });
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      if (error.code === 'timeout') latency.record(row.id, timeoutMs);
      const ours = error.ours || (error.code === 'timeout' && timeoutMs < rules.timeoutMs);
      const detail = { request: requestDetail(request) };
      return ours
        ? oursOutcome(error.code, request.opened.hide(error.message), detail)
        : outcomeOf(verdictOfError(error, rules.retryOn), { detail, request });
    }
    latency.record(row.id, response.durationMs);
    const verdict = verdictOfStatus(response.status, rules.retryOn);
    const detail = {
      request: requestDetail(request),
      response: responseDetail(response, request.opened.hide),
      timings: timingDetail(response),
    };
    if (verdict.kind === 'failed' && verdict.disable) {
      try {
        await disableEndpoint(deps, row, verdict.message, currentOrigin() ?? originOfDelivery(context));
      } catch (error) {
        deps.logger.error(
          { webhook: row.id, err: messageOf(error) },
          'an endpoint that is gone could not be disabled',
        );
        return oursOutcome(
          'disable_failed',
          `the endpoint could not be disabled: ${messageOf(error)}`,
          detail,
        );
      }
    }
    return outcomeOf(verdict, {
      detail,
      request,
      retryAfterMs: retryAfterMs(response.headers['retry-after'], deps.clock.now()),
    });
  }

  return {
    async execute(context) {
      let row: WebhookRow | undefined;
      let opened: OpenedSecrets;
      try {
        const stored = await deps.log.records.get(WEBHOOK_TABLE.name, webhookIdOf(context));
        row = stored === undefined ? undefined : asWebhookRow(stored);
        if (row === undefined) return skipped('the webhook has been removed');
        if (!row.enabled) return skipped(row.disabled_reason ?? 'the webhook is disabled');
        opened = open(row);
      } catch (error) {
        if (!isCrucibleError(error)) throw error;
        deps.logger.error(
          { webhook: webhookIdOf(context), err: error.message },
          'a webhook could not be read',
        );
        return oursOutcome(error.code, error.message, {});
      }
      try {
        return await send(context, row, opened);
      } catch (error) {
        // Called off while it waited for a place.
        if (context.signal.aborted && error === context.signal.reason) {
          return oursOutcome('aborted', 'the attempt was called off before it was sent', {});
        }
        throw error;
      }
    },

    policy(definition) {
      const rules = readDefinition(definition);
      return {
        ...policyOf(rules.retry, rules.timeoutMs, latency.isFast(rules.id)),
        maxInFlight: rules.maxInFlight,
      };
    },
  };
}

const policyTimeout = (rules: DeliveryRules): number =>
  policyOf(rules.retry, rules.timeoutMs, false).timeoutMs;

const webhookIdOf = ({ run }: AttemptContext): string => {
  const prefix = targetIdOf('');
  if (!run.target.startsWith(prefix)) {
    throw new CrucibleError('internal', `The run ${run.id} is of ${run.target}, which is no webhook.`);
  }
  return run.target.slice(prefix.length);
};

const skipped = (because: string): ActionOutcome => ({
  kind: 'skipped',
  reason: 'disabled',
  because,
  detail: {},
});

const oursOutcome = (code: string, message: string, detail: JsonObject): ActionOutcome => ({
  kind: 'retryable',
  code,
  message,
  ours: true,
  detail,
});

function outcomeOf(
  verdict: Verdict,
  {
    detail,
    request,
    retryAfterMs: delayMs,
  }: { detail: JsonObject; request: DeliveryRequest; retryAfterMs?: number | undefined },
): ActionOutcome {
  switch (verdict.kind) {
    case 'succeeded':
      return { kind: 'succeeded', detail };
    case 'skipped':
      return { kind: 'skipped', reason: verdict.reason, because: verdict.message, detail };
    case 'failed':
      return {
        kind: 'failed',
        code: verdict.code,
        message: request.opened.hide(verdict.message),
        detail,
      };
    case 'retryable': {
      const message = request.opened.hide(verdict.message);
      return {
        kind: 'retryable',
        code: verdict.code,
        message,
        detail,
        ...(delayMs === undefined ? {} : { retryAfterMs: delayMs }),
      };
    }
  }
}

/** Where nobody has set one: what a delivery causes continues the story of its event. */
const originOfDelivery = ({ run, event }: AttemptContext): Origin => ({
  source: { kind: 'system', component: 'webhooks' },
  actor: run.target,
  world: run.world,
  correlation_id: run.correlation_id,
  causation_id: event.id,
  depth: run.depth + 1,
});
