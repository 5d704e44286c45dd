import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { failing, proper, startEmbeddings } from '../support/embeddings.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer } from '../support/server-process.ts';
import { temporalServer } from '../support/temporal-server.ts';

/** Search by meaning on a real server: its database, its way out, a service that goes away, and a kill. */

const WAIT = { timeout: 30_000, interval: 50 };
const KEY = 'sk-e2e-4711-secret';

const create = async (rest: Rest, content: string): Promise<string> => {
  const { status, body } = await rest('POST', '/memory', { content });
  expect(status).toBe(201);
  return body.id as string;
};
const find = async (rest: Rest, semantic: string): Promise<readonly string[]> => {
  const { status, body } = await rest('POST', '/memory/query', { semantic });
  expect(status).toBe(200);
  expect(body.semantic_by).toBe('meaning');
  return body.results.map(({ memory }: { memory: { id: string } }) => memory.id);
};

it('finds by meaning, loses nothing while the service is away, and shows no key', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-e2e-'));
  await using temporal = await temporalServer();
  await using service = await startEmbeddings();
  const env = {
    CRUCIBLE_EMBEDDINGS_URL: service.base,
    CRUCIBLE_EMBEDDINGS_MODEL: 'small',
    CRUCIBLE_EMBEDDINGS_KEY: KEY,
  };
  let told = '';
  let late = '';
  let car = '';
  {
    await using server = await startServer({ dataDir, temporal, env });
    const rest = restOf(server.url);
    car = await create(rest, 'The automobile stands in the garage');
    await create(rest, 'Sourdough bread');
    await vi.waitFor(async () => expect(await find(rest, 'a car in the garage')).toContain(car), WAIT);
    expect((await find(rest, 'a car in the garage'))[0]).toBe(car);

    service.answerWith(failing(500, `{"error":{"message":"failed for ${KEY}"}}`));
    late = await create(rest, 'Bees and honey');
    const away = await rest('POST', '/memory/query', { semantic: 'honey' });
    expect(away).toMatchObject({ status: 503, body: { code: 'embeddings_unavailable' } });
    expect((await rest('POST', '/memory/query', { text: 'honey' })).body.results).toHaveLength(1);
    const problems = await vi.waitFor(async () => {
      const { body } = await rest('GET', '/events?type=system.error');
      expect(body.data).toHaveLength(1);
      return body.data;
    }, WAIT);
    expect(problems[0].payload).toMatchObject({ component: 'embeddings', code: 'embeddings_unavailable' });
    told = `${JSON.stringify([away.body, problems])} ${server.stderr()}`;
    await server.kill();
  }
  service.answerWith(proper());
  const before = service.received.length;
  await using server = await startServer({ dataDir, temporal, env });
  const rest = restOf(server.url);
  await vi.waitFor(async () => expect(await find(rest, 'honey')).toEqual([late]), WAIT);
  expect((await find(rest, 'a car in the garage'))[0]).toBe(car);
  const sent = service
    .asked()
    .slice(before)
    .flatMap(({ input }) => input);
  expect(sent).not.toContain('Sourdough bread');
  expect((await rest('DELETE', `/memory/${late}`)).status).toBe(204);
  expect(await find(rest, 'honey')).toEqual([]);
  told += server.stderr();
  await server.stop();
  expect(told).toContain('500');
  expect(told).not.toContain('4711');
  await rm(dataDir, { recursive: true, force: true });
});
