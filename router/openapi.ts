import type { AnyRouter } from '@trpc/server';
import { generateOpenApiDocument } from 'trpc-to-openapi';
import { z } from 'zod';
import type { JsonObject, JsonValue } from '../src/kernel/json.ts';
import {
  answerHeaders,
  problemResponses,
  problemSchema,
  problemsOf,
  requestHeaders,
  sharedHeaders,
  TAGS,
} from './openapi-parts.ts';
import { linksOf } from './openapi-links.ts';
import { asObject, tidyContent, tidySchema, type Mutable } from './openapi-schemas.ts';
import { routesOf } from './routes.ts';
import type { Route } from './routes.ts';

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
const finish = (operation: Mutable, route: Route, links: JsonObject): void => {
  const good = asObject(asObject(operation['responses'])['200']);
  if (Object.keys(links).length > 0) good['links'] = links;
  tidyContent(good['content']);
  const { content: _content, ...bodiless } = good;
  operation['responses'] = {
    [String(route.status)]: { ...(route.status === 204 ? bodiless : good), headers: sharedHeaders },
    ...(route.accepted === undefined
      ? {}
      : { '202': { ...good, description: 'It goes on', headers: sharedHeaders } }),
    ...problemsOf(route),
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
    requestHeaders.world,
    ...(route.method === 'GET' ? [] : [requestHeaders.correlation, requestHeaders.causation]),
  ];
  operation['parameters'] = [
    ...given,
    ...headers,
    ...(route.remembersKeys ? [requestHeaders.idempotency] : []),
  ];
  if (route.name === 'memory.importBatch') addStream(operation);
  for (const parameter of given) tidySchema(asObject(parameter)['schema']);
  const body = asObject(asObject(operation['requestBody'])['content']);
  tidyContent(body);
  const json = asObject(body['application/json']);
  const { catchall } = route.input.def;
  // What is judged by a service, or by a refinement, says itself what will not be taken.
  const { required, strict = catchall instanceof z.ZodNever, choice } = route.input.meta() ?? {};
  if (json['schema'] === undefined) return;
  const schema: Mutable = {
    ...asObject(json['schema']),
    ...(Array.isArray(required) && { required: required as string[] }),
    ...(strict === true && { additionalProperties: false }),
    ...(Array.isArray(choice) && {
      oneOf: (choice as readonly string[][]).map((fields): JsonObject => ({ required: fields })),
    }),
  };
  delete schema['strict'];
  delete schema['choice'];
  json['schema'] = schema;
  // No body is an empty object.
  asObject(operation['requestBody'])['required'] =
    schema['required'] !== undefined || schema['oneOf'] !== undefined;
};

/** The OpenAPI 3.0.3 document of everything the router serves over REST. */
export const createOpenApiDocument = (router: AnyRouter, version: string): JsonObject => {
  const generated: unknown = generateOpenApiDocument(router, {
    title: 'Crucible Events',
    description:
      'Events, memories, agents, hooks, webhooks and runs. Errors are application/problem+json (RFC 9457).',
    version,
    openApiVersion: '3.0.3',
    baseUrl: '/api/v1',
  });
  const document = JSON.parse(JSON.stringify(generated)) as Mutable;
  const paths = asObject(document['paths']);
  const routes = routesOf(router);
  for (const route of routes) {
    const operation = asObject(asObject(paths[route.path])[route.method.toLowerCase()]);
    finish(operation, route, linksOf(route, routes));
  }
  const components = asObject(document['components']);
  const schemas = asObject(components['schemas']);
  for (const schema of Object.values(schemas)) tidySchema(schema);
  asObject(document['info'])['license'] = { name: 'MIT' };
  document['tags'] = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  document['security'] = [{ Authorization: [] }];
  document['components'] = {
    ...components,
    schemas: { ...schemas, Problem: problemSchema },
    responses: problemResponses,
    headers: answerHeaders,
    securitySchemes: {
      Authorization: {
        type: 'http',
        scheme: 'bearer',
        description: 'An API key, or a token of a configured issuer.',
      },
    },
  };
  return document;
};
