/**
 * Every error that a user can meet has a code from this registry. Codes are stable: clients match on them, in REST
 * (`code`), tRPC (`data.code`), the CLI and the stream alike. Nothing here knows of HTTP: `src/http/status.ts` maps
 * codes to statuses, and a test compares this table with `docs/reference/errors.md`.
 */
export const ERROR_TITLES = {
  malformed_request: 'The request could not be read',
  bad_cursor: 'The cursor is not one of ours',
  unauthenticated: 'No valid credentials',
  forbidden: 'The caller may not do this',
  reserved_type: 'Clients publish custom.* events only',
  not_found: 'No such thing',
  method_not_allowed: 'The method is not allowed here',
  conflict: 'The state of the thing does not allow this',
  already_exists: 'A thing of that name exists',
  managed_by_file: 'The thing is managed by a file',
  expectation_failed: 'The subject is not at the expected version',
  idempotency_in_flight: 'A request with this idempotency key is under way',
  idempotency_key_reused: 'The idempotency key was used with another body',
  position_expired: 'The position has been removed by retention',
  epoch_changed: 'The log is another one than before',
  payload_too_large: 'The request is too large',
  unsupported_media_type: 'The content type is not supported',
  invalid: 'The request is not valid',
  unknown_event_type: 'The event type is not in the catalogue',
  schema_mismatch: "The payload does not fit its event type's schema",
  egress_denied: 'The address may not be reached from here',
  rate_limited: 'Too many requests',
  overloaded: 'The server is at its limit',
  log_unavailable: 'The event log cannot be written',
  issuer_unavailable: 'The issuer of tokens cannot be asked for its keys',
  embeddings_unavailable: 'The embeddings service does not answer as it should',
  fenced: 'Another process has become the writer of the log',
  internal: 'Something failed on our side',
  config_invalid: 'The configuration is not valid',
  data_dir_locked: 'The data directory is in use by another process',
  store_too_new: 'The store was written by a newer version',
  port_in_use: 'The port is taken',
  temporal_not_found: 'No Temporal server program could be found or fetched',
  temporal_checksum: 'The fetched Temporal program is not the one we pinned',
  temporal_platform: 'No Temporal server program is known for this platform',
  temporal_unavailable: 'The Temporal server cannot be reached',
} as const;

export type ErrorCode = keyof typeof ERROR_TITLES;

/** One thing wrong in an input: where, what, and how to mend it. */
export interface Issue {
  /** A path into the input, e.g. `trigger.events.0.filter.tag`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
  /** Where it stands in a file, both counted from 1. */
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorDetails {
  /** How to mend it. */
  readonly hint?: string;
  /** Everything that is wrong, not only the first. */
  readonly issues?: readonly Issue[];
  /** When it makes sense to try again. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error type of the domain. Its message is safe to show to whoever made the request. */
export class CrucibleError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly issues: readonly Issue[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CrucibleError';
    this.code = code;
    this.hint = details.hint;
    this.issues = details.issues ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Whether this is our error, with this code if one is given. */
export const isCrucibleError = (error: unknown, code?: ErrorCode): error is CrucibleError =>
  error instanceof CrucibleError && (code === undefined || error.code === code);

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
