import { EgressError, type Egress, type EgressResponse } from '../egress/egress.ts';
import { retryAfterMs } from '../egress/retry-after.ts';
import type { Clock } from '../kernel/clock.ts';
import { redactForms, secretForms } from '../kernel/redaction.ts';
import { readVectors, unreadable } from './embeddings-answer.ts';
import { EmbeddingsFailure } from './embeddings-failure.ts';

/** Turns texts into vectors. */
export interface Embeddings {
  /** Names what the vectors are of: those of two identities cannot be compared. */
  readonly identity: string;
  /**
   * One vector a text, in their order. Tries up to three times where trying again can help.
   * @param options.timeoutMs for each try
   * @throws EmbeddingsFailure
   */
  embed(
    texts: readonly string[],
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly Float32Array[]>;
}

const TRIES = 3;
const FIRST_PAUSE_MS = 250;
/** Whoever asks to wait longer is asked again by the caller, if at all. */
const LONGEST_PAUSE_MS = 5_000;
/** 64 vectors of 16,384 numbers, 22 characters each. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;
/** Of what the service says of an error. */
const MAX_DETAIL = 300;

export interface EmbeddingsDeps {
  readonly egress: Pick<Egress, 'request'>;
  /** The base of the API; `/embeddings` comes after it. */
  readonly url: string;
  readonly model: string;
  /** Secret. */
  readonly key: string | undefined;
  readonly dimensions: number | undefined;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * A client of `POST /embeddings` as OpenAI's API defines it (https://platform.openai.com/docs/api-reference/embeddings)
 * and many others speak it.
 */
export const createEmbeddings = (deps: EmbeddingsDeps): Embeddings => {
  const { egress, model, key, dimensions, clock, random, sleep } = deps;
  const url = embeddingsUrl(deps.url);
  const marks = new Map(key === undefined ? [] : secretForms(key).map((form) => [form, '[embeddings_key]']));
  const shown = (text: string): string => redactForms(text, marks, true);

  const once = async (
    texts: readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> => {
    const response = await egress.request({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ model, input: texts, ...(dimensions === undefined ? {} : { dimensions }) }),
      timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.status !== 200) throw refusal(response, clock.now(), shown);
    if (response.truncated) throw unreadable('is too large');
    return readVectors(response.body, texts.length, dimensions);
  };

  return {
    identity: dimensions === undefined ? model : `${model} (${dimensions})`,
    async embed(texts, { timeoutMs, signal }) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await once(texts, timeoutMs, signal);
        } catch (error) {
          const failure = failureOf(error, shown);
          const pauseMs = failure.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + random());
          if (failure.kind !== 'passing' || tries >= TRIES || pauseMs > LONGEST_PAUSE_MS) throw failure;
          await sleep(pauseMs, signal);
          if (signal?.aborted === true) throw failure;
        }
      }
    },
  };
};

const embeddingsUrl = (base: string): string => {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/embeddings`;
  return url.href;
};

const PASSING = new Set([408, 409, 425, 429]);
/** The service understood who asks and for what, and does not take this text. */
const TEXT = new Set([400, 413, 422]);
const CREDENTIALS = new Set([401, 403]);

const refusal = (
  { status, headers, body }: EgressResponse,
  nowMs: number,
  shown: (text: string) => string,
): EmbeddingsFailure => {
  if (CREDENTIALS.has(status)) {
    // What the service says here may hold a part of the key, so it is not told.
    return new EmbeddingsFailure('lasting', `the service does not take the credentials (${status})`, {
      hint: 'Check CRUCIBLE_EMBEDDINGS_KEY.',
    });
  }
  const said = shown(messageIn(body)).slice(0, MAX_DETAIL);
  const message = `the service answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (PASSING.has(status) || status >= 500) {
    const afterMs = retryAfterMs(headers['retry-after'], nowMs);
    return new EmbeddingsFailure('passing', message, afterMs === undefined ? {} : { retryAfterMs: afterMs });
  }
  const hint = 'Check CRUCIBLE_EMBEDDINGS_URL and CRUCIBLE_EMBEDDINGS_MODEL.';
  return new EmbeddingsFailure(TEXT.has(status) ? 'text' : 'lasting', message, { hint });
};

/** `{"error": {"message": "…"}}`, `{"error": "…"}`, or what there is. */
const messageIn = (body: string): string => {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return body.replaceAll(/\s+/g, ' ').trim();
  }
  const error: unknown =
    typeof value === 'object' && value !== null && 'error' in value ? value.error : value;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return JSON.stringify(error);
};

const failureOf = (error: unknown, shown: (text: string) => string): EmbeddingsFailure => {
  if (error instanceof EmbeddingsFailure) return error;
  if (!(error instanceof EgressError)) throw error;
  const message = `the service cannot be reached: ${shown(error.message)}`;
  if (error.code === 'egress_denied') {
    return new EmbeddingsFailure('lasting', message, {
      hint: 'Open its address with CRUCIBLE_EGRESS_ALLOW, its port with CRUCIBLE_EGRESS_PORTS.',
    });
  }
  const passing = !error.final && error.code !== 'aborted' && error.code !== 'timeout';
  return new EmbeddingsFailure(passing ? 'passing' : 'lasting', message);
};
