import type { Embeddings } from './embeddings.ts';
import { EmbeddingsFailure } from './embeddings-failure.ts';

/** What counts of a text: about 2,000 tokens, which every model takes. */
const MAX_CHARACTERS = 8_000;

/** A whole word, so that no model has reason to refuse it. */
const PROBE = 'probe';

/** A text as it is embedded; undefined for one that has no meaning. */
export const embeddable = (content: string): string | undefined => {
  const text = content.slice(0, MAX_CHARACTERS).toWellFormed().trim();
  return text === '' ? undefined : text;
};

/**
 * Vectors of all texts that the service takes, in their order; undefined for one that it refuses by itself. It is told
 * apart from a service that refuses everything (a model that does not exist, say) by what it does with other texts.
 * @throws EmbeddingsFailure
 */
export const embedEach = async (
  embeddings: Embeddings,
  texts: readonly string[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<readonly (Float32Array | undefined)[]> => {
  if (texts.length === 0) return [];
  try {
    return await embeddings.embed(texts, options);
  } catch (error) {
    if (!isRefused(error)) throw error;
    if (texts.length === 1) {
      await embeddings.embed([PROBE], options);
      return [undefined];
    }
    const found: (Float32Array | undefined)[] = [];
    for (const text of texts) found.push(await embedOne(embeddings, text, options));
    if (found.every((vector) => vector === undefined)) await embeddings.embed([PROBE], options);
    return found;
  }
};

const embedOne = async (
  embeddings: Embeddings,
  text: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Float32Array | undefined> => {
  try {
    return (await embeddings.embed([text], options))[0];
  } catch (error) {
    if (isRefused(error)) return undefined;
    throw error;
  }
};

const isRefused = (error: unknown): boolean => error instanceof EmbeddingsFailure && error.kind === 'text';
