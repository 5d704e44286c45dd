import { z } from 'zod';
import { ERROR_TITLES, type ErrorCode } from '../src/kernel/errors.ts';
import type { JsonObject } from '../src/kernel/json.ts';
import { issueSchema } from './schemas.ts';
import type { Route } from './routes.ts';

/** What the document says of every route alike: problems, headers, tags. */

/** RFC 9457, as `src/http/problem.ts` writes it. */
export const problemSchema: JsonObject = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string', description: 'A URI of the code.' },
    title: { type: 'string', description: 'The same for every occurrence of the code.' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong this time.' },
    code: { type: 'string', enum: Object.keys(ERROR_TITLES) },
    hint: { type: 'string', description: 'How to mend it.' },
    request_id: { type: 'string', description: 'Finds the request in the log.' },
    errors: {
      type: 'array',
      items: z.toJSONSchema(issueSchema, { target: 'openapi-3.0', io: 'output' }) as JsonObject,
    },
  },
  additionalProperties: false,
};

/** What an answer of the status means, with the code that it has most often. */
const PROBLEMS: Readonly<Record<string, readonly [description: string, code: ErrorCode, detail: string]>> = {
  400: ['The request could not be read', 'malformed_request', 'The body is not JSON'],
  401: ['No valid credentials', 'unauthenticated', 'The request carries no credentials'],
  403: ['The caller may not do this', 'forbidden', 'These credentials lack the permission hook:write'],
  404: ['What the path names is not there, or not for the caller', 'not_found', 'There is no run of that id'],
  409: [
    'The state of the thing does not allow this',
    'already_exists',
    'There is a hook of that name already',
  ],
  410: ['The position has been removed by retention', 'position_expired', 'The first position kept is 1200'],
  413: ['The request is too large', 'payload_too_large', 'The body may be 1 MiB'],
  415: ['The content type is not supported', 'unsupported_media_type', 'The body must be application/json'],
  422: [
    'The request is not valid, or names what is not there',
    'invalid',
    'An event needs a payload, a JSON object at payload',
  ],
  429: ['Too many requests', 'rate_limited', 'Too many requests of this address'],
  431: ['The headers, the address included, are too large', 'payload_too_large', 'The headers are too large'],
  500: ['Something failed on our side', 'internal', 'Something failed; the log has it under the request id'],
  503: ['The server is at its limit, or starting, or stopping', 'overloaded', 'The queue of the log is full'],
};

const header = (description: string, schema: JsonObject, example: string): JsonObject => ({
  description,
  schema,
  example,
});

/** Of answers, by the names that they have in `components`. */
export const answerHeaders: JsonObject = {
  RequestId: header(
    'Finds the request in the log.',
    { type: 'string' },
    'req_01932f6e-7c1a-7d3e-8f00-1234567890ab',
  ),
  RateLimit: header(
    'What is left of each limit that was asked, and the seconds until it is whole again; absent where none applies.',
    { type: 'string' },
    '"key";r=99;t=1',
  ),
  RetryAfter: header('Seconds to wait before trying again.', { type: 'string', pattern: '^[0-9]+$' }, '2'),
  Authenticate: header('How to authenticate.', { type: 'string' }, 'Bearer'),
};

const refTo = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` });

/** Every answer has these. */
export const sharedHeaders: JsonObject = {
  'X-Request-Id': refTo('RequestId'),
  RateLimit: refTo('RateLimit'),
};

const headersOf = (status: string): JsonObject => ({
  ...sharedHeaders,
  ...(status === '429' || status === '503' ? { 'Retry-After': refTo('RetryAfter') } : {}),
  ...(status === '401' ? { 'WWW-Authenticate': refTo('Authenticate') } : {}),
});

export const problemResponses: JsonObject = Object.fromEntries(
  Object.entries(PROBLEMS).map(([status, [description, code, detail]]): [string, JsonObject] => [
    `Problem${status}`,
    {
      description,
      headers: headersOf(status),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          example: {
            type: `urn:crucible:error:${code}`,
            title: ERROR_TITLES[code],
            status: Number(status),
            detail,
            code,
            request_id: 'req_01932f6e-7c1a-7d3e-8f00-1234567890ab',
          },
        },
      },
    },
  ]),
);

/** Which problems a route can answer. */
export const problemsOf = (route: Route): JsonObject =>
  Object.fromEntries(
    [
      '400',
      ...(route.permission === 'public' ? [] : ['401', '403']),
      '404',
      ...(route.method === 'GET' ? [] : ['409', '413', '415']),
      // Only reads of the log meet what retention has removed.
      ...(route.name.startsWith('events.') && route.type === 'query' ? ['410'] : []),
      '422',
      '429',
      '431',
      '500',
      '503',
    ].map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
  );

/** Pages that try requests out send examples as they are: only what is good for any request, and again, has one. */
const parameter = (name: string, description: string, schema: JsonObject, example?: string): JsonObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string', ...schema },
  ...(example !== undefined && { example }),
});

/** `[\x21-\x7e]`, as the server takes them. */
const TOKEN: JsonObject = { pattern: '^[!-~]{1,128}$' };

/** Of requests. */
export const requestHeaders = {
  world: parameter(
    'X-Crucible-World',
    'The world to act in; default the first one of the credentials.',
    { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
    'default',
  ),
  correlation: parameter(
    'X-Correlation-Id',
    'The story that this belongs to; default a new one.',
    TOKEN,
    'import-2026-11-24',
  ),
  causation: parameter(
    'X-Crucible-Causation-Id',
    'The id of the event that led to this request, such as evt_01932f6e-7c1a-7d3e-8f00-1234567890ab.',
    TOKEN,
  ),
  idempotency: parameter(
    'Idempotency-Key',
    'The same key and body give the same answer, for 30 days, and take effect once.',
    { pattern: '^[ -~]{1,255}$' },
  ),
};

/** The groups of routes, in the order of the page. */
export const TAGS: Readonly<Record<string, string>> = {
  events: 'The log: publishing, reading, and the types of events.',
  memory: 'Memories: Markdown with links and tags.',
  graph: 'What memories, tags, files and agents have to do with each other.',
  agents: 'Agents, what they do, their messages and tools.',
  rooms: 'Where agents meet.',
  worlds: 'Parts of the whole that do not see each other.',
  hooks: 'What is done by itself about events.',
  webhooks: 'Signed deliveries to other servers.',
  runs: 'What hooks, webhooks and agents did about an event.',
  files: 'Watched directories.',
  keys: 'API keys.',
  system: 'The server itself.',
};
