import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.http.close(0));

/** Like a browser: without credentials. */
const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}/api/v1/docs${path}`, init);

describe('Swagger UI', () => {
  test('is whole: each address in the page is answered by this server, and no script stands in it', async () => {
    const response = await get('');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const page = await response.text();
    const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
    expect(addresses).toContain('docs/swagger-ui-bundle.js');
    for (const address of addresses) {
      expect(address).not.toMatch(/^(?:\w+:|\/)/);
      const found = await fetch(new URL(address, response.url));
      expect([address, found.status]).toEqual([address, 200]);
      expect((await found.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
    for (const [, attributes = '', text = ''] of page.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)) {
      expect(attributes).toContain('src=');
      expect(text).toBe('');
    }
    expect(page).not.toMatch(/ on\w+=|javascript:/);
  });

  test('may load from this server alone', async () => {
    const policy = (await get('')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/https?:|unsafe-eval|script-src[^;]*unsafe-inline/);
    const start = await (await get('/start.js')).text();
    expect(start).toContain("url: 'openapi.json'");
    expect(start).not.toMatch(/https?:/);
  });

  test('with a slash behind it, leads to the page', async () => {
    const redirect = await get('/', { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, '../docs']);
    expect((await get('/')).url).toBe(`${server.url}/api/v1/docs`);
  });

  test.each([
    ['/package.json', 404],
    ['/..%2Fpackage.json', 404],
    ['/%2e%2e/%2e%2e/package.json', 404],
    ['/swagger-ui-bundle.js.map', 404],
    ['/swagger-ui-bundle.js/', 404],
    ['/__proto__', 404],
  ])('%s is %i', async (path, status) => {
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  test('HEAD has no body; other methods are told which there are', async () => {
    const head = await get('', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await get('', { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
