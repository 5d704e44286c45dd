import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTrpcRouter, openToAll, rest } from '../../router/trpc.ts';
import { silentLogger as logger } from '../kernel/logger.ts';
import { createRateLimits } from './rate-limit.ts';
import { createRestHandler } from './rest.ts';

/**
 * The faults of the generator's own request side that no route of ours would show today (`rest.test.ts` has the others):
 * a small router with a switch in a query, a fixed word that was declared after the parameter beside it, and a DELETE
 * that takes fields.
 */

const at = (method: 'GET' | 'POST' | 'DELETE', path: `/${string}`) =>
  openToAll.meta(rest({ method, path, summary: path, tag: 'test' }));
const echo = z.record(z.string(), z.unknown());

const router = createTrpcRouter({
  list: at('GET', '/things')
    .input(z.strictObject({ on: z.boolean().default(true), flags: z.array(z.boolean()).exactOptional() }))
    .output(echo)
    .query(({ input }) => input),
  get: at('GET', '/things/{id}')
    .input(z.strictObject({ id: z.string() }))
    .output(echo)
    .query(({ input }) => ({ thing: input.id })),
  schemas: at('GET', '/things/schemas')
    .input(z.strictObject({}))
    .output(echo)
    .query(() => ({ schemas: [] })),
  remove: at('DELETE', '/things/{id}')
    .input(
      z.strictObject({
        id: z.string(),
        reason: z.string().exactOptional(),
        force: z.boolean().default(false),
      }),
    )
    .output(echo)
    .mutation(({ input }) => input),
  send: at('POST', '/things')
    .input(
      z.strictObject({ on: z.boolean().default(true), n: z.int().default(1), at: z.null().exactOptional() }),
    )
    .output(echo)
    .mutation(({ input }) => input),
});

const FREE = {
  ip: undefined,
  authFailures: undefined,
  read: undefined,
  write: undefined,
  execute: undefined,
};
const handle = createRestHandler({
  router,
  contextOf: () => Promise.reject(new Error('nothing here needs credentials')),
  limits: createRateLimits(FREE),
  streams: new Map(),
  maxBodyBytes: 1024,
  logger,
});
const server = createServer((req, res) => void handle(req, res));
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise<unknown>((resolve) => void server.close(resolve)));

const ask = async (method: string, path: string, body?: string) => {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
  });
  const { status } = response;
  return { status, body: (await response.json()) as Readonly<Record<string, unknown>> };
};

describe('faults of the generator’s request side', () => {
  test.each([
    ['', { on: true }],
    ['?on=false', { on: false }],
    ['?on=true', { on: true }],
    ['?flags=false&flags=true', { on: true, flags: [false, true] }],
  ])('`false` in a query is false: GET /things%s', async (search, body) => {
    expect(await ask('GET', `/things${search}`)).toEqual({ status: 200, body });
  });

  test.each(['?on=0', '?on=', '?on=False', '?on=no'])(
    'a word that is no boolean is refused, and never true: GET /things%s',
    async (search) => {
      expect(await ask('GET', `/things${search}`)).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'on' }] },
      });
    },
  );

  test.each([
    ['"false"', 'on', '{"on":"false"}'],
    ['0', 'on', '{"on":0}'],
    ['null', 'on', '{"on":null}'],
    ['"1"', 'n', '{"n":"1"}'],
    ['true', 'n', '{"n":true}'],
    ['""', 'at', '{"at":""}'],
  ])('a POST body is not coerced: %s is refused for %s', async (_value, path, body) => {
    expect(await ask('POST', '/things', body)).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test('a POST without a body is not 415: every field has its default', async () => {
    expect(await ask('POST', '/things')).toEqual({ status: 200, body: { on: true, n: 1 } });
  });

  test('a fixed word is not read as the id that was declared before it', async () => {
    expect((await ask('GET', '/things/schemas')).body).toEqual({ schemas: [] });
    expect((await ask('GET', '/things/schema')).body).toEqual({ thing: 'schema' });
    expect((await ask('GET', '/things/Schemas')).body).toEqual({ thing: 'Schemas' });
    expect((await ask('DELETE', '/things/schemas')).status).toBe(405);
  });

  test('path parameters arrive decoded, once', async () => {
    expect((await ask('GET', '/things/a%2Fb%20%C3%A9%2520')).body).toEqual({ thing: 'a/b é%20' });
  });

  test('a DELETE takes its fields from the body, as they are, and from the query', async () => {
    expect(await ask('DELETE', '/things/a', '{"reason":"old","force":true}')).toEqual({
      status: 200,
      body: { id: 'a', reason: 'old', force: true },
    });
    expect((await ask('DELETE', '/things/a', '{"force":"true"}')).status).toBe(422);
    expect((await ask('DELETE', '/things/a?reason=old&force=false')).body).toEqual({
      id: 'a',
      reason: 'old',
      force: false,
    });
  });
});
