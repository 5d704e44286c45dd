import type { Issue } from '../kernel/errors.ts';
import type { EmbeddingsConfig } from './config.ts';
import type { Settings } from './schema.ts';

/** What the settings of search by meaning say together. Undefined: there is none. Issues: what does not fit. */
export const readEmbeddings = (
  settings: Pick<
    Settings,
    'embeddings_url' | 'embeddings_model' | 'embeddings_key' | 'embeddings_dimensions'
  >,
): { readonly embeddings: EmbeddingsConfig | undefined; readonly issues: readonly Issue[] } => {
  const { embeddings_url: url, embeddings_model: model, embeddings_key: key } = settings;
  const { embeddings_dimensions: dimensions } = settings;
  if (url !== undefined && model !== undefined)
    return { embeddings: { url, model, key, dimensions }, issues: [] };
  const given = [url, model, key, dimensions].some((value) => value !== undefined);
  const missing = { CRUCIBLE_EMBEDDINGS_URL: url, CRUCIBLE_EMBEDDINGS_MODEL: model };
  const issues = Object.entries(given ? missing : {})
    .filter(([, value]) => value === undefined)
    .map(([path]) => ({ path, message: 'is needed where other settings of embeddings are given' }));
  return { embeddings: undefined, issues };
};
