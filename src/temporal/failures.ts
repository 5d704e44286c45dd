import { ServiceError, isGrpcServiceError } from '@temporalio/client';
import { CrucibleError, messageOf } from '../kernel/errors.ts';

/** gRPC status codes (grpc/grpc, doc/statuscodes.md). */
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;

/** What a call about a namespace threw: that there is none is told as that. */
export const namespaceUnavailable = (
  what: string,
  { address, namespace }: { readonly address: string; readonly namespace: string },
  error: unknown,
): CrucibleError =>
  statusOf(error) === NOT_FOUND
    ? new CrucibleError(
        'temporal_unavailable',
        `The Temporal server at ${address} has no namespace ${namespace}.`,
        {
          hint: `Make it (temporal operator namespace create --namespace ${namespace}), or name another one by TEMPORAL_NAMESPACE.`,
          retryAfterMs: 500,
          cause: error,
        },
      )
    : temporalUnavailable(what, address, error);

/** Whatever a call to Temporal threw, as the one error that the rest knows: try again later. */
export const temporalUnavailable = (what: string, address: string, error: unknown): CrucibleError =>
  new CrucibleError('temporal_unavailable', `${what}: ${reasonOf(error)}.`, {
    hint: `Is the Temporal server at ${address} running? TEMPORAL_ADDRESS names it.`,
    retryAfterMs: statusOf(error) === RESOURCE_EXHAUSTED ? 1_000 : 500,
    cause: error,
  });

const statusOf = (error: unknown): number | undefined => {
  if (isGrpcServiceError(error)) return error.code;
  if (error instanceof ServiceError && isGrpcServiceError(error.cause)) return error.cause.code;
  return undefined;
};

/** The SDK's outer message says what it tried; the cause says why it failed. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined
    ? `${error.message} (${messageOf(error.cause)})`
    : messageOf(error);
