import type { AnyRouter } from '@trpc/server';
import { generateOpenApiDocument } from 'trpc-to-openapi';
import { z } from 'zod';
import { ERROR_TITLES } from '../src/kernel/errors.ts';
import type { JsonObject, JsonValue } from '../src/kernel/json.ts';
import { issueSchema } from './schemas.ts';
import { routesOf } from './routes.ts';
import type { Route } from './routes.ts';

/** RFC 9457, as `src/http/problem.ts` writes it. */
const problemSchema: JsonObject = {
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
};

const PROBLEMS: Readonly<Record<string, string>> = {
  400: 'The request could not be read',
  401: 'No valid credentials',
  403: 'The caller may not do this',
  404: 'No such thing, or none that the caller may see',
  409: 'The state of the thing does not allow this',
  410: 'The position has been removed by retention',
  413: 'The request is too large',
  415: 'The content type is not supported',
  422: 'The request is not valid',
  429: 'Too many requests',
  500: 'Something failed on our side',
  503: 'The server is at its limit, or starting, or stopping',
};

const problemResponse = (status: string): JsonObject => ({ $ref: `#/components/responses/Problem${status}` });

const responses = Object.fromEntries(
  Object.entries(PROBLEMS).map(([status, description]): [string, JsonObject] => [
    `Problem${status}`,
    {
      description,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]),
);

/** Which problems a route can answer. */
const problemsOf = (route: Route): readonly string[] => [
  '400',
  ...(route.permission === 'public' ? [] : ['401', '403']),
  '404',
  ...(route.method === 'GET' ? ['410'] : ['409', '413', '415']),
  '422',
  '429',
  '500',
  '503',
];

const parameter = (name: string, description: string): JsonObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});
const HEADERS = {
  world: parameter('X-Crucible-World', 'The world to act in; default the first one of the credentials.'),
  correlation: parameter('X-Correlation-Id', 'The story that this belongs to; default a new one.'),
  causation: parameter('X-Crucible-Causation-Id', 'The event that led to this request.'),
  idempotency: parameter(
    'Idempotency-Key',
    'The same key and body give the same answer, for 30 days, and take effect once.',
  ),
};

type Mutable = { [key: string]: JsonValue };
const asObject = (value: JsonValue | undefined): Mutable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mutable) : {};

/** Whether a field may be left out. The generator tries `undefined` instead, which an exact optional refuses. */
const mayBeAbsent = (field: z.core.$ZodType | undefined): boolean => {
  if (field === undefined) return false;
  const { _zod: core } = field;
  return core.optin !== undefined;
};

const withRequired = (parameter: JsonValue, route: Route): JsonValue => {
  const given = asObject(parameter);
  const field = typeof given['name'] === 'string' ? route.input.shape[given['name']] : undefined;
  return { ...given, required: given['in'] === 'path' || !mayBeAbsent(field) };
};

/** The import as a stream: what the body and the answer are then (`src/http/import.ts`). */
const addStream = (operation: Mutable): void => {
  const lines = (description: string): JsonObject => ({ schema: { type: 'string', description } });
  const body = asObject(asObject(operation['requestBody'])['content']);
  body['application/x-ndjson'] = lines('One document a line, as in `documents`; up to 64 MiB.');
  const answer = asObject(asObject(asObject(operation['responses'])['200'])['content']);
  answer['application/x-ndjson'] = lines(
    'Lines of type `progress`, `error` (with the number of the line that was not taken), and at last `end` or `aborted`.',
  );
};

/**
 * What the generator does not know: which status a good answer has, our problems, our headers, and that an object with a
 * refinement is as strict as one without (it rebuilds those from their shape).
 */
const finish = (operation: Mutable, route: Route): void => {
  const good = asObject(asObject(operation['responses'])['200']);
  const { content: _content, ...bodiless } = good;
  operation['responses'] = {
    [String(route.status)]: route.status === 204 ? bodiless : good,
    ...(route.accepted === undefined ? {} : { '202': { ...good, description: 'It goes on' } }),
    ...Object.fromEntries(problemsOf(route).map((status) => [status, problemResponse(status)])),
  };
  if (route.permission === 'public') {
    operation['security'] = [];
    return;
  }
  const parameters: readonly JsonValue[] = Array.isArray(operation['parameters'])
    ? operation['parameters']
    : [];
  const given = parameters.map((parameter) => withRequired(parameter, route));
  const headers = [
    HEADERS.world,
    ...(route.method === 'GET' ? [] : [HEADERS.correlation, HEADERS.causation]),
  ];
  operation['parameters'] = [...given, ...headers, ...(route.remembersKeys ? [HEADERS.idempotency] : [])];
  if (route.name === 'memory.importBatch') addStream(operation);
  const json = asObject(asObject(asObject(operation['requestBody'])['content'])['application/json']);
  const { catchall } = route.input.def;
  const strict = catchall instanceof z.ZodNever;
  if (json['schema'] === undefined) return;
  const schema: Mutable = { ...asObject(json['schema']), ...(strict ? { additionalProperties: false } : {}) };
  json['schema'] = schema;
  // No body is an empty object.
  asObject(operation['requestBody'])['required'] = schema['required'] !== undefined;
};

/** The OpenAPI 3.0.3 document of everything the router serves over REST. */
export const createOpenApiDocument = (router: AnyRouter, version: string): JsonObject => {
  const generated: unknown = generateOpenApiDocument(router, {
    title: 'Crucible Events',
    description: 'Events, hooks, webhooks and runs. Errors are application/problem+json (RFC 9457).',
    version,
    openApiVersion: '3.0.3',
    baseUrl: '/api/v1',
    tags: ['events', 'memory', 'agents', 'rooms', 'worlds', 'hooks', 'webhooks', 'runs', 'system'],
  });
  const document = JSON.parse(JSON.stringify(generated)) as Mutable;
  const paths = asObject(document['paths']);
  for (const route of routesOf(router)) {
    finish(asObject(asObject(paths[route.path])[route.method.toLowerCase()]), route);
  }
  const components = asObject(document['components']);
  document['components'] = {
    ...components,
    schemas: { ...asObject(components['schemas']), Problem: problemSchema },
    responses,
    securitySchemes: { Authorization: { type: 'http', scheme: 'bearer', description: 'An API key.' } },
  };
  return document;
};
