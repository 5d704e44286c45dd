import { CrucibleError, isCrucibleError } from '../src/kernel/errors.ts';

/**
 * Runs `work`; the issues of its errors get the paths that the client used, where the API has put its input into another
 * form for the service.
 */
export const withGivenPaths = async <T>(
  rename: (path: string) => string,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!isCrucibleError(error) || error.issues.length === 0) throw error;
    throw new CrucibleError(error.code, error.message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      cause: error,
      issues: error.issues.map((issue) => Object.assign({}, issue, { path: rename(issue.path) })),
    });
  }
};

/** `events.0.payload.title` to `payload.title`, for an event that was given alone. */
export const ofLoneEvent = (path: string): string => path.replace(/^events\.0(\.|$)/, '');

/**
 * `filters.2.when` to `when`, where `filter` and `when` stood beside the terms and were put onto each type; `types.0` to
 * `type`, where a single type was put before the others.
 */
export const ofQuery =
  (given: { readonly type?: string; readonly filters?: unknown }) =>
  (path: string): string => {
    const lone =
      given.filters === undefined ? path.replace(/^filters\.\d+\.(?=filter(\.|$)|when(\.|$))/, '') : path;
    if (given.type === undefined) return lone;
    return lone.replace(/^types\.(\d+)/, (_, index: string) =>
      index === '0' ? 'type' : `types.${Number(index) - 1}`,
    );
  };
