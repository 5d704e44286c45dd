import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { SecretReader } from './secrets.ts';

/** No text of an outcome shows a secret that the action was given. */
export const redacted = (outcome: ActionOutcome, secrets: SecretReader): ActionOutcome => {
  const detail = secrets.redactAll(outcome.detail) as JsonObject;
  switch (outcome.kind) {
    case 'succeeded':
      return {
        ...outcome,
        detail,
        ...(outcome.output === undefined ? {} : { output: secrets.redactAll(outcome.output) }),
      };
    case 'denied':
      return { ...outcome, detail, reason: secrets.redact(outcome.reason) };
    case 'skipped':
      return {
        ...outcome,
        detail,
        ...(outcome.because === undefined ? {} : { because: secrets.redact(outcome.because) }),
      };
    case 'retryable':
    case 'failed':
      return { ...outcome, detail, message: secrets.redact(outcome.message) };
  }
};
