import { afterAll, beforeAll, expect, test } from 'vitest';
import { Registry } from 'prom-client';
import { createRouter } from '../../router/router.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import { createAccess } from '../access/access.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createHttpMetrics, type MetricsAccess } from './metrics.ts';
import { createHttpServer, type HttpServer } from './server.ts';

const KEY = 'an-admin-key-of-thirty-two-characters-or-more';

interface Scraped {
  readonly url: string;
  readonly http: HttpServer;
}

const start = async (access: MetricsAccess): Promise<Scraped> => {
  const { services } = fakeServices();
  const http = createHttpServer({
    router: createRouter(services),
    services,
    access: createAccess({ adminKey: KEY }),
    health: { components: () => [] },
    logger: silentLogger,
    version: '1.2.3',
    metrics: { http: createHttpMetrics(new Registry()), access },
  });
  return { url: (await http.listen({ host: '127.0.0.1', port: 0 })).url, http };
};

const servers = new Map<MetricsAccess, Scraped>();
beforeAll(async () => {
  for (const access of ['open', 'key', 'off'] as const) servers.set(access, await start(access));
});
afterAll(() => Promise.all([...servers.values()].map(({ http }) => http.close(0))));

const ask = (access: MetricsAccess, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${servers.get(access)?.url}${path}`, init);
const authorized = { headers: { authorization: `Bearer ${KEY}` } };

test('open: whoever asks gets the text format, and nobody may write', async () => {
  const answer = await ask('open', '/metrics');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    expect.stringContaining('text/plain; version=0.0.4'),
  ]);
  expect((await ask('open', '/metrics', { method: 'POST' })).status).toBe(405);
});

test('key: only those who may read the system', async () => {
  expect((await ask('key', '/metrics')).status).toBe(401);
  const wrong = await ask('key', '/metrics', { headers: { authorization: 'Bearer wrong' } });
  expect([wrong.status, wrong.headers.get('content-type')]).toEqual([
    401,
    expect.stringContaining('application/problem+json'),
  ]);
  expect((await ask('key', '/metrics', authorized)).status).toBe(200);
});

test('off: there is nothing', async () => {
  expect((await ask('off', '/metrics', authorized)).status).toBe(404);
});

test('a request counts under its pattern; what clients make up adds no label', async () => {
  const get = (path: string): Promise<unknown> => ask('open', path, authorized).then((res) => res.text());
  for (const id of ['a', 'b', 'c']) await get(`/api/v1/events/${id}`);
  await get('/trpc/events.list?input=%7B%7D');
  await get('/trpc/events.list,events.types?batch=1&input=%7B%7D');
  await get('/trpc/made.up');
  for (const path of ['/x', '/y', '/api/v1/nothing/here']) await get(path);
  await ask('open', '/healthz', { method: 'PROPFIND' });
  const text = await (await ask('open', '/metrics')).text();
  const counted = text
    .split('\n')
    .filter((line) => line.startsWith('crucible_http_requests_total{') && !line.includes('/metrics'))
    .map((line) => line.slice('crucible_http_requests_total'.length));
  expect(counted).toEqual(
    expect.arrayContaining([
      '{method="GET",route="/api/v1/events/{id}",status="404"} 3',
      '{method="GET",route="/trpc/events.list",status="200"} 1',
      '{method="GET",route="none",status="404"} 3',
      '{method="other",route="/healthz",status="405"} 1',
    ]),
  );
  expect(new Set(counted.map((line) => /route="([^"]*)"/.exec(line)?.[1]))).toEqual(
    new Set(['/api/v1/events/{id}', '/trpc/events.list', '/trpc', 'none', '/healthz']),
  );
  expect(text).toContain(
    'crucible_http_request_duration_seconds_count{method="GET",route="/api/v1/events/{id}"} 3',
  );
});
