/*
 * What processes of one installation say to each other: followers and workers to the process that writes, over HTTP/1.1,
 * on a listener of its own. JSON is enough for all of it: rows are stored as JSON text, and events hold what JSON says.
 *
 *   GET  /internal/v1/serving                     {}: for who only looks
 *   GET  /internal/v1/commits?epoch=&after=       a line for each item of the feed, until one of the two ends it
 *   POST /internal/v1/append                      {requests: [SentAppend]} -> {answers: [{result} | {error}]}, in order
 *   POST /internal/v1/drains/take                 {target} -> lines: {place} or {refused}, then {move} and {alive}; whose
 *                                                 connection ends, or who ends it, has left the place
 *   POST /internal/v1/drains/<place>/mark         -> {mark}
 *   POST /internal/v1/drains/<place>/sleep        {mark, next_at} -> {asleep}
 *   POST /internal/v1/drains/<place>/direct-waits {order} -> {waits}
 *   POST /internal/v1/agents/call                 {address, run_id, message, timeout_ms} -> {answer}; ending the connection
 *                                                 aborts the call
 *   *    /forward/<path>                          a request of a client, as it came, for the public API
 *
 * A line is JSON (NDJSON). What is refused is a problem (RFC 9457). Each request carries the key; without it nothing is read
 * or told.
 */
export const PATHS = {
  serving: '/internal/v1/serving',
  commits: '/internal/v1/commits',
  append: '/internal/v1/append',
  take: '/internal/v1/drains/take',
  drains: '/internal/v1/drains/',
  call: '/internal/v1/agents/call',
  forward: '/forward',
} as const;

export const HEADERS = {
  /** Of its own, so that the `Authorization` of a forwarded request stays the client's. */
  key: 'x-crucible-internal-key',
  /** Whom a forwarded request counts for. Believed on this listener only. */
  client: 'x-crucible-client',
  /** On the answer to a forwarded request: the sequence of the last commit that was acknowledged before it. */
  sequence: 'x-crucible-sequence',
} as const;

export const NDJSON = 'application/x-ndjson';

/** Of a request body: an append holds up to 4 MiB of events, and its rows. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Room for the headers of a client, which may be 16 KiB, and ours. */
export const MAX_HEADER_BYTES = 32 * 1024;
/** Of one line: a commit may hold tens of thousands of rows. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;
/** Appends in one request. */
export const MAX_GROUP = 1_024;
/** Silence for so long means that the other side is gone: it has something to say every second. ms */
export const SILENT_MS = 5_000;
