import { documentWords } from '../../src/log/words.ts';
import { startReceiver } from './webhooks.ts';

type Receiver = Awaited<ReturnType<typeof startReceiver>>;
type Answer = Parameters<Receiver['answerWith']>[0];

/** Words that mean the same, so that a text can be found by others than its own. */
const SENSES: Readonly<Record<string, string>> = { car: 'vehicle', automobile: 'vehicle', lorry: 'vehicle' };

/** A bag of words: the same texts give the same vectors, and texts that share words give near ones. */
export const vectorOf = (text: string, dimensions: number): number[] => {
  const vector = Array.from({ length: dimensions }, () => 0);
  for (const word of documentWords(text)) {
    let hash = 2_166_136_261;
    for (const byte of Buffer.from(SENSES[word] ?? word)) hash = Math.imul(hash ^ byte, 16_777_619) >>> 0;
    const at = hash % dimensions;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  return vector;
};

export interface EmbeddingsRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly dimensions?: number;
}

/** As the API does; the last vector first, because only `index` tells which is whose. */
export const proper =
  (dimensions = 256): Answer =>
  ({ body }, response) => {
    const request = JSON.parse(body) as EmbeddingsRequest;
    const data = request.input.map((text, index) => ({
      object: 'embedding',
      index,
      embedding: vectorOf(text, request.dimensions ?? dimensions),
    }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', data: data.toReversed(), model: request.model }));
  };

export const failing =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

/** An endpoint on loopback in the form of OpenAI's. */
export const startEmbeddings = async (answer: Answer = proper()) => {
  const receiver = await startReceiver(answer);
  return {
    /** The base that a setting gives. */
    base: `http://127.0.0.1:${receiver.port}/v1`,
    received: receiver.received,
    answerWith: receiver.answerWith,
    /** What it was asked for, in order. */
    asked: (): readonly EmbeddingsRequest[] =>
      receiver.received.map(({ body }) => JSON.parse(body) as EmbeddingsRequest),
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
};
