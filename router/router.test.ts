import { describe, expect, test } from 'vitest';
import { createRouter } from './router.ts';
import { isForLeader, metaOf, proceduresOf, routesOf } from './routes.ts';
import { createOpenApiDocument } from './openapi.ts';
import type { LeaderCase } from './trpc.ts';
import { fakeServices } from './testing/fake-services.ts';

interface Operation {
  readonly responses: Record<string, unknown>;
  readonly parameters?: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly schema?: Record<string, unknown>;
  }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: {
      readonly 'application/json': {
        readonly schema: { readonly properties?: Record<string, Record<string, unknown>> };
      };
    };
  };
}

const router = createRouter(fakeServices().services);

describe('every procedure', () => {
  test.each([...proceduresOf(router)])(
    '%s declares a permission, a REST place where it is no subscription, and one object as input',
    (name, procedure) => {
      expect(metaOf(procedure).permission).toBeDefined();
      if (name === 'events.stream') return;
      const route = routesOf(router).find((candidate) => candidate.name === name);
      expect(route?.path).toMatch(/^\/[a-z]/);
    },
  );

  test('only the document is open to all', () => {
    expect(
      routesOf(router)
        .filter((route) => route.permission === 'public')
        .map((route) => route.name),
    ).toEqual(['system.openapi']);
  });
});

describe('where a server follows another one', () => {
  const answeredHere = (...cases: readonly LeaderCase[]): readonly string[] =>
    [...proceduresOf(router)].flatMap(([name, each]) => (isForLeader(each, new Set(cases)) ? [] : [name]));

  test('it answers these, and sends on all others: a new one is one or the other, and stands here', () => {
    const here = answeredHere('always');
    expect(here.toSorted()).toEqual(
      `agents.get agents.list agents.tools events.get events.getType events.list events.query events.stream
       events.trace events.types files.list graph.edges graph.node graph.traverse hooks.get hooks.list hooks.runs
       keys.list memory.get memory.list memory.query rooms.list rooms.members runs.get runs.list system.openapi
       webhooks.deliveries webhooks.get webhooks.list worlds.list`.split(/\s+/),
    );
    const sentWhere = (one: LeaderCase): readonly string[] =>
      here.filter((name) => !answeredHere('always', one).includes(name));
    expect([sentWhere('meanings'), sentWhere('finds'), sentWhere('gets')]).toEqual([
      ['memory.query'],
      ['memory.query'],
      ['memory.get'],
    ]);
  });

  test('whatever a reader may not call is sent on', () => {
    const permissions = [...proceduresOf(router).values()].flatMap((each) =>
      isForLeader(each, new Set(['always'])) ? [] : [metaOf(each).permission],
    );
    expect(permissions.filter((one) => one !== 'public' && one?.endsWith(':read') !== true)).toEqual([]);
  });

  test('a GET that says nothing of it is a read', () => {
    const sent = routesOf(router).filter(({ procedure }) => isForLeader(procedure, new Set(['always'])));
    expect(sent.filter(({ method }) => method === 'GET').map(({ path }) => path)).toEqual([
      '/events/{id}/explain',
    ]);
  });
});

describe('the OpenAPI document', () => {
  const document = JSON.parse(JSON.stringify(createOpenApiDocument(router, '1.2.3'))) as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, unknown> };
  };
  test('is 3.0.3 and holds every route, with its status and problems', () => {
    expect(document.openapi).toBe('3.0.3');
    const routes = routesOf(router);
    const documented = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(routes.map((route) => `${route.method} ${route.path}`).sort());
    for (const route of routes) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      expect(Object.keys(operation?.responses ?? {})).toEqual(
        expect.arrayContaining([String(route.status), '422', '500']),
      );
    }
  });

  test('every reference leads somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    expect(references.length).toBeGreaterThan(10);
    for (const reference of new Set(references)) {
      let at: unknown = document;
      for (const step of reference.split('/')) at = (at as Record<string, unknown>)[step];
      expect(at).toBeDefined();
    }
  });

  test('every field of every request has a description or an example', () => {
    const isDescribed = (schema: Record<string, unknown>): boolean =>
      'description' in schema ||
      'example' in schema ||
      'examples' in schema ||
      '$ref' in schema ||
      'allOf' in schema;
    const bare = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { parameters = [], requestBody }]) => {
        const body = requestBody?.content['application/json'].schema.properties ?? {};
        return [
          ...parameters.filter((one) => !isDescribed({ ...one, ...one.schema })).map((one) => one.name),
          ...Object.entries(body)
            .filter(([, schema]) => !isDescribed(schema))
            .map(([field]) => field),
        ].map((field) => `${method} ${path} ${field}`);
      }),
    );
    expect(bare).toEqual([]);
  });

  test('refuses unknown fields wherever the schema does', () => {
    const body = (path: string) =>
      document.paths[path]?.['post']?.requestBody?.content['application/json'].schema;
    expect(body('/events')).toMatchObject({ additionalProperties: false });
    expect(body('/webhooks')).toMatchObject({ additionalProperties: false });
    expect(body('/hooks/validate')).toMatchObject({ additionalProperties: false });
  });

  test('says what must be given, and nothing more', () => {
    const required = (path: string): readonly (string | undefined)[] =>
      (document.paths[path]?.['get']?.parameters ?? []).filter((one) => one.required).map((one) => one.name);
    expect(required('/events')).toEqual([]);
    expect(required('/events/{id}/trace')).toEqual(['id']);
    expect(document.paths['/events/query']?.['post']?.requestBody?.required).toBe(false);
    expect(document.paths['/webhooks']?.['post']?.requestBody).toMatchObject({
      required: true,
      content: { 'application/json': { schema: { required: ['url', 'filters'] } } },
    });
  });
});
