import { CrucibleError } from '../kernel/errors.ts';

/**
 * Why there are no vectors. `passing`: asking again soon may help. `text`: one of the texts may be what the service does
 * not take. `lasting`: it takes somebody, or time. Its message holds no secret.
 */
export class EmbeddingsFailure extends Error {
  readonly kind: 'passing' | 'text' | 'lasting';
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: EmbeddingsFailure['kind'],
    message: string,
    details: { readonly hint?: string; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
    this.name = 'EmbeddingsFailure';
    this.kind = kind;
    this.hint = details.hint;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** For whoever asked. */
export const embeddingsUnavailable = (failure: EmbeddingsFailure): CrucibleError =>
  new CrucibleError('embeddings_unavailable', `There is no search by meaning now: ${failure.message}`, {
    hint: failure.hint ?? 'Search by words works on.',
    cause: failure,
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
