import { Pool, type Dispatcher } from 'undici';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import { hasCode } from '../kernel/listen.ts';
import { errorOfProblem } from './problem.ts';
import { HEADERS, SILENT_MS } from './protocol.ts';

const CONNECT_MS = 2_000;
/** Longer than the log lets a request wait for a database that does not answer. ms */
const ANSWER_MS = 20_000;
const RETRY_AFTER_MS = 1_000;

type Body = Dispatcher.ResponseData['body'];

interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** For the head of the answer, ms. */
  readonly withinMs?: number;
  /** Asked twice it is done once: what a broken connection took with it is sent again at once, one time. */
  readonly repeatable?: true;
}

/** Such as one that was idle, and closed by the other side at this moment. */
const isBroken = (error: unknown): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].some((code) => hasCode(error, code));

/** The connections to one process that writes. */
export interface Connection {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * An answer of lines; silence for `SILENT_MS` ends it.
   * @throws CrucibleError what the other side says; `log_unavailable` when nothing did
   */
  open(ask: Ask): Promise<Body>;
  /** The JSON of an answer. @throws CrucibleError as `open` */
  ask(ask: Ask): Promise<unknown>;
  /** `log_unavailable`, because of what was thrown; an error of the other side stays what it is. */
  lost(error: unknown): CrucibleError;
  /** Cuts everything off. */
  close(): Promise<void>;
}

export const createConnection = (deps: { readonly url: string; readonly key: string }): Connection => {
  const { url } = deps;
  const pool = new Pool(url, {
    // Feeds, places and calls hold one each for as long as they last.
    connections: null,
    pipelining: 1,
    connect: { timeout: CONNECT_MS, keepAlive: true, keepAliveInitialDelay: 10_000 },
    headersTimeout: ANSWER_MS,
    bodyTimeout: SILENT_MS,
  });
  const keyHeader = { [HEADERS.key]: deps.key };

  const lost = (error: unknown): CrucibleError =>
    isCrucibleError(error)
      ? error
      : new CrucibleError('log_unavailable', `The process that writes (${url}) cannot be reached`, {
          hint: `It said nothing: ${messageOf(error)}.`,
          retryAfterMs: RETRY_AFTER_MS,
          cause: error,
        });

  const refusalOf = async ({ statusCode, body }: Dispatcher.ResponseData): Promise<CrucibleError> => {
    const text = await body.text();
    let problem: unknown;
    try {
      problem = JSON.parse(text);
    } catch {
      problem = undefined;
    }
    return (
      errorOfProblem(problem) ??
      new CrucibleError('log_unavailable', `${url} answered with ${statusCode}, not as a process that writes`)
    );
  };

  const request = async ({ method, path, body, signal, withinMs }: Ask): Promise<Body> => {
    const response = await pool.request({
      method,
      path,
      headers: {
        ...keyHeader,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body ?? null,
      ...(signal !== undefined && { signal }),
      ...(withinMs !== undefined && { headersTimeout: withinMs }),
    });
    if (response.statusCode !== 200) throw await refusalOf(response);
    return response.body;
  };

  const json = async (ask: Ask): Promise<unknown> => (await request(ask)).json();

  /** @throws CrucibleError */
  const attempted = async <T>(ask: Ask, make: (ask: Ask) => Promise<T>): Promise<T> => {
    try {
      return await make(ask);
    } catch (error) {
      if (ask.repeatable !== true || !isBroken(error) || pool.destroyed) throw lost(error);
    }
    try {
      return await make(ask);
    } catch (error) {
      throw lost(error);
    }
  };

  return {
    url,
    headers: keyHeader,
    open: (ask) => attempted(ask, request),
    ask: (ask) => attempted(ask, json),
    lost,
    close: () => pool.destroy(),
  };
};
