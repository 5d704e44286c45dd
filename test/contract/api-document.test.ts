import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { createOpenApiDocument } from '../../router/openapi.ts';
import { createRouter } from '../../router/router.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';

const document = createOpenApiDocument(createRouter(fakeServices().services), '1.2.3');

test('the document has no fault that a linter finds', async () => {
  const config = await createConfig({ extends: ['recommended'], rules: { 'info-license-strict': 'off' } });
  const problems = await lintFromString({
    source: JSON.stringify(document),
    absoluteRef: '/openapi.json',
    config,
  });
  expect(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer ?? ''}`),
  ).toEqual([]);
});

test('the linter finds faults', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const broken = { ...document, paths: { '/x': { get: { responses: { 200: {} } } } } };
  const problems = await lintFromString({
    source: JSON.stringify(broken),
    absoluteRef: '/openapi.json',
    config,
  });
  expect(problems.map(({ ruleId }) => ruleId)).toContain('operation-summary');
});

type Json = { readonly [key: string]: unknown };
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** Of every operation. */
const operations = Object.entries(object(document['paths'])).flatMap(([path, item]) =>
  Object.entries(object(item)).map(
    ([method, operation]) => [`${method} ${path}`, object(operation)] as const,
  ),
);

test.each(operations)('%s says what it answers, and how it is asked', (_name, operation) => {
  const responses = object(operation['responses']);
  const good = Object.keys(responses).filter((status) => status.startsWith('2'));
  expect(good.length).toBeGreaterThan(0);
  for (const status of good) {
    const { content, headers } = object(responses[status]);
    expect(object(headers)).toHaveProperty('X-Request-Id');
    const json = object(object(object(content)['application/json'])['schema']);
    expect(status === '204' || Object.keys(json).length > 0).toBe(true);
  }
  const tags = (document['tags'] as unknown as readonly { readonly name: string }[]).map(({ name }) => name);
  expect(tags).toEqual(expect.arrayContaining(operation['tags'] as unknown[]));
  expect(operation['security']).toBeDefined();
  for (const [status, response] of Object.entries(responses))
    expect(status.startsWith('2') || JSON.stringify(response).includes(`Problem${status}`)).toBe(true);
});

test('links lead from what makes, lists and reads a thing to what is done with it, and to operations that there are', () => {
  const links = operations.flatMap(([name, operation]) =>
    Object.entries(object(operation['responses'])).flatMap(([status, response]) =>
      Object.values(object(object(response)['links'])).map(
        (link) => [`${name} ${status}`, object(link)] as const,
      ),
    ),
  );
  const ids = new Map(operations.map(([name, operation]) => [operation['operationId'], name]));
  const parametersOf = (name = ''): readonly string[] =>
    [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => parameter);
  for (const [from, { operationId, parameters }] of links) {
    const target = ids.get(operationId);
    expect([from, operationId, target]).toEqual([from, operationId, expect.any(String)]);
    expect(Object.keys(object(parameters))).toEqual(expect.arrayContaining([...parametersOf(target)]));
  }
  const told = new Set(links.map(([from, { operationId }]) => `${from} -> ${String(operationId)}`));
  for (const thing of ['memory', 'agents', 'hooks', 'webhooks'])
    expect(told).toContain(`post /${thing} 201 -> ${thing}-get`);
  expect(told).toContain('post /keys 201 -> keys-revoke');
  expect(told).toContain('post /rooms 201 -> rooms-delete');
  expect(told).toContain('post /events 201 -> events-trace');
  expect(told).toContain('get /runs 200 -> runs-replay');
  expect(told).toContain('put /hooks/{id} 200 -> hooks-delete');
});
