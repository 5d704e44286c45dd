import {
  CrucibleError,
  ERROR_TITLES,
  isCrucibleError,
  type ErrorCode,
  type Issue,
} from '../kernel/errors.ts';

/** An error on its way between two processes. Nothing of a stack or a cause travels. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly issues?: readonly Issue[];
  readonly retryAfterMs?: number;
}

/** What is not ours says nothing of itself: only the log of this process has it. */
export const encodeError = (error: unknown): WireError => {
  if (!isCrucibleError(error))
    return { code: 'internal', message: 'Something failed in the process that writes; its log has it' };
  const { code, message, hint, issues, retryAfterMs } = error;
  return {
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(issues.length > 0 && { issues }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
};

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(ERROR_TITLES, code);

const isIssue = (value: unknown): value is Issue =>
  isObject(value) && typeof value['path'] === 'string' && typeof value['message'] === 'string';

/** The same error again; `internal` for what is none. */
export const decodeError = (value: unknown): CrucibleError => {
  if (!isObject(value) || !isCode(value['code']) || typeof value['message'] !== 'string')
    return new CrucibleError(
      'internal',
      'The process that writes answered with an error that cannot be read',
    );
  const { code, message, hint, issues, retryAfterMs } = value;
  return new CrucibleError(code, message, {
    ...(typeof hint === 'string' && { hint }),
    ...(Array.isArray(issues) && { issues: issues.filter(isIssue) }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
  });
};
