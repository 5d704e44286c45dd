import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { silentLogger } from '../kernel/logger.ts';
import { probeLeader } from './probe.ts';
import { createInternalServer } from './server.ts';
import { KEY, openLeader } from './testing/open-leader.ts';

const probe = (url: string, key = KEY) => probeLeader({ url, key, timeoutMs: 1_000 });

test('who only looks learns whether a process writes, and takes the key', async () => {
  await using leader = await openLeader();
  expect(await probe(leader.url)).toBe('serving');
  expect(await probe(`${leader.url}/`)).toBe('serving');
  expect(await probe(leader.url, 'another-key-of-thirty-two-characters')).toBe('another_key');
  await leader.server.close(0);
  expect(await probe(leader.url)).toBe('away');
});

test('one that waits for its turn does not serve', async () => {
  const server = createInternalServer({ key: KEY, logger: silentLogger });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  expect(await probe(url)).toBe('not_serving');
  await server.close(0);
});

test('nor does another program at that place, and one that is silent is away', async () => {
  const server = createServer((req, res) =>
    req.url === '/x/internal/v1/serving' ? undefined : res.writeHead(302).end(),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await probe(url)).toBe('not_serving');
  expect(await probeLeader({ url: `${url}/x`, key: KEY, timeoutMs: 50 })).toBe('away');
  server.closeAllConnections();
  server.close();
});
