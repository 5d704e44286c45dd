import { afterAll, describe, expect, it } from 'vitest';
import { failing, proper, startEmbeddings, vectorOf } from '../../test/support/embeddings.ts';
import { createEgress } from '../egress/create.ts';
import { silentLogger } from '../kernel/logger.ts';
import { EmbeddingsFailure } from './embeddings-failure.ts';
import { createEmbeddings, type EmbeddingsDeps } from './embeddings.ts';

const KEY = 'sk-test-4711-secret';
const egress = createEgress({
  policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
  logger: silentLogger,
});
afterAll(() => egress.close());

const open = async (answer = proper(), options: Partial<EmbeddingsDeps> = {}) => {
  const service = await startEmbeddings(answer);
  const pauses: number[] = [];
  const embeddings = createEmbeddings({
    egress,
    url: service.base,
    model: 'small',
    key: KEY,
    dimensions: undefined,
    clock: { now: () => 0 },
    random: () => 0.5,
    sleep: async (ms) => void pauses.push(ms),
    ...options,
  });
  return Object.assign(service, {
    pauses,
    identity: embeddings.identity,
    embed: (texts: readonly string[], timeoutMs = 5_000) => embeddings.embed(texts, { timeoutMs }),
    failure: async (texts: readonly string[] = ['text'], timeoutMs = 5_000): Promise<EmbeddingsFailure> => {
      const failure = await embeddings.embed(texts, { timeoutMs }).catch((error: unknown) => error);
      if (failure instanceof EmbeddingsFailure) return failure;
      throw new Error(`It did not fail: ${String(failure)}`);
    },
  });
};

const listOf = (...data: readonly unknown[]) => failing(200, JSON.stringify({ data }));

describe('the client of embeddings', () => {
  it('sends model, texts and key, and gives the vectors in the order of the texts', async () => {
    await using service = await open();
    const texts = ['first text', 'second, longer text', '日本語 "quoted" \u0000'];
    const vectors = await service.embed(texts);
    expect(vectors.map((vector) => Array.from(vector))).toEqual(texts.map((text) => vectorOf(text, 256)));
    expect(service.asked()).toEqual([{ model: 'small', input: texts }]);
    const [request] = service.received;
    expect(request).toMatchObject({ method: 'POST', path: '/v1/embeddings' });
    expect(request?.headers['authorization']).toBe(`Bearer ${KEY}`);
    expect(service.identity).toBe('small');
  });

  it('asks for a number of dimensions where one is set, and sends no key where there is none', async () => {
    await using service = await open(proper(), { dimensions: 32, key: undefined });
    expect((await service.embed(['a']))[0]).toHaveLength(32);
    expect(service.asked()[0]).toMatchObject({ dimensions: 32 });
    expect(service.received[0]?.headers).not.toHaveProperty('authorization');
    expect(service.identity).toBe('small (32)');
  });

  it.each([429, 500, 503, 408])(
    'tries again after %i, longer and longer, three times in all',
    async (status) => {
      await using service = await open(failing(status, '{"error":{"message":"busy"}}'));
      expect(await service.failure()).toMatchObject({
        kind: 'passing',
        message: `the service answered ${status}: busy`,
      });
      expect(service.received).toHaveLength(3);
      expect(service.pauses).toEqual([250, 500]);
    },
  );

  it('waits as long as Retry-After says; too long is for the caller', async () => {
    await using service = await open(failing(429, '', { 'retry-after': '2' }));
    await service.failure();
    expect(service.pauses).toEqual([2_000, 2_000]);
    service.answerWith(failing(429, '', { 'retry-after': '60' }));
    expect(await service.failure()).toMatchObject({ kind: 'passing', retryAfterMs: 60_000 });
    expect(service.received).toHaveLength(4);
  });

  it('goes on when trying again has helped', async () => {
    await using service = await open(failing(500, 'x'));
    const asked = service.embed(['text']);
    service.answerWith((...given) => {
      service.answerWith(proper());
      failing(502, '')(...given);
    });
    expect(await asked).toHaveLength(1);
  });

  it.each([
    [400, 'text'],
    [422, 'text'],
    [404, 'lasting'],
    [301, 'lasting'],
    [401, 'lasting'],
  ])('takes %i at its word (%s)', async (status, kind) => {
    await using service = await open(failing(status, '{"error":"no such model"}'));
    const failure = await service.failure();
    expect(failure.kind).toBe(kind);
    expect(failure.hint).toContain('CRUCIBLE_EMBEDDINGS_');
    expect(service.received).toHaveLength(1);
  });

  it('shows no key, whatever the service says', async () => {
    for (const status of [400, 401, 403, 500]) {
      const said = `${'x'.repeat(280)} Incorrect API key: ${KEY} (${Buffer.from(KEY).toString('base64')})`;
      await using service = await open(failing(status, JSON.stringify({ error: { message: said } })));
      const { message, hint } = await service.failure();
      expect(`${message} ${hint}`).not.toContain('4711');
      expect(`${message} ${hint}`).not.toContain(Buffer.from(KEY).toString('base64').slice(0, 12));
    }
  });

  it.each([
    ['no JSON', failing(200, '<html>hello'), 'is not JSON'],
    ['nothing', failing(200, ''), 'is not JSON'],
    ['another form', failing(200, '{"embeddings":[[1,2]]}'), 'has no list `data`'],
    ['null', failing(200, 'null'), 'has no list `data`'],
    ['too few', listOf({ index: 0, embedding: [1] }), '1 vectors for 2 texts'],
    [
      'one twice',
      listOf({ index: 0, embedding: [1] }, { index: 0, embedding: [1] }),
      'two vectors for one text',
    ],
    ['an index too large', listOf({ index: 0, embedding: [1] }, { index: 2, embedding: [1] }), 'wrongly'],
    ['no object', listOf(null, 1), 'not an object'],
    ['an empty vector', listOf({ embedding: [] }, { embedding: [1] }), 'without a vector'],
    ['base64', listOf({ embedding: 'AAAA' }, { embedding: 'AAAA' }), 'without a vector'],
    ['words', listOf({ embedding: ['1'] }, { embedding: ['2'] }), 'not of numbers'],
    ['null for a number', listOf({ embedding: [null] }, { embedding: [1] }), 'not of numbers'],
    ['a huge number', listOf({ embedding: [1e300] }, { embedding: [1] }), 'too large'],
    ['two lengths', listOf({ embedding: [1, 2] }, { embedding: [1] }), 'vectors of 1 numbers, not of 2'],
  ])('refuses an answer that is %s', async (_, answer, message) => {
    await using service = await open(answer);
    expect(await service.failure(['a', 'b'])).toMatchObject({
      kind: 'lasting',
      message: expect.stringContaining(message),
    });
    expect(service.received).toHaveLength(1);
  });

  it('refuses vectors of another length than was set', async () => {
    const short = (...given: Parameters<ReturnType<typeof proper>>): void => {
      const [{ body }, response] = given;
      const { input } = JSON.parse(body) as { input: string[] };
      response.end(JSON.stringify({ data: input.map(() => ({ embedding: [1, 2, 3] })) }));
    };
    await using service = await open(short, { dimensions: 4 });
    const { message, hint } = await service.failure();
    expect(message).toBe('the service gives vectors of 3 numbers, not of 4');
    expect(hint).toContain('CRUCIBLE_EMBEDDINGS_DIMENSIONS');
  });

  it('does not wait for ever, nor reach what it may not', async () => {
    await using slow = await open(() => undefined);
    expect((await slow.failure(['text'], 50)).message).toMatch(/cannot be reached.*50 ms/);
    await using denied = await open(proper(), { url: 'http://10.0.0.1/v1/' });
    expect(await denied.failure()).toMatchObject({
      kind: 'lasting',
      hint: expect.stringContaining('CRUCIBLE_EGRESS_ALLOW'),
    });
  });

  it('keeps what stands in the URL', async () => {
    await using service = await open();
    const embeddings = createEmbeddings({
      egress,
      url: `${service.base}//?api-version=1`,
      model: 'm',
      key: undefined,
      dimensions: undefined,
      clock: { now: () => 0 },
      random: () => 0,
      sleep: async () => undefined,
    });
    await embeddings.embed(['a'], { timeoutMs: 1_000 });
    expect(service.received[0]?.path).toBe('/v1/embeddings?api-version=1');
  });
});
