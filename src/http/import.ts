import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../../router/context.ts';
import { toCrucibleError } from '../../router/errors.ts';
import { invalidInput, issuesOf } from '../../router/issues.ts';
import { importLine } from '../../router/memory-inputs.ts';
import { importResultView } from '../../router/memory-views.ts';
import type { Services } from '../../router/services.ts';
import { assertPermitted } from '../access/principal.ts';
import { withOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { logFailure } from './failure.ts';
import { readLines, type BodyLine } from './import-lines.ts';
import { parseJson, textOf } from './json-body.ts';

type Document = ReturnType<typeof importLine.parse>;

/** Answers requests of one route whose bodies are a stream of their own kind. The caller is known. */
export interface BodyStream {
  /** Media types, lower case. */
  readonly types: ReadonlySet<string>;
  /** @throws CrucibleError as long as nothing is answered */
  answer(ctx: RequestContext, req: IncomingMessage, res: ServerResponse): Promise<void>;
}

export interface ImportLimits {
  /** Of the whole body. Default 64 MiB. */
  readonly maxBytes?: number;
  /** How long the stream may be silent, ms. Default 60,000. */
  readonly idleMs?: number;
}

const MAX_BYTES = 64 * 1024 * 1024;
const IDLE_MS = 60_000;
/** A document of 1 MiB, with its escapes, its metadata and its name. */
const LINE_BYTES = 3 * 1024 * 1024;
const BATCH_DOCUMENTS = 25;
const BATCH_BYTES = 2 * 1024 * 1024;
/** Answers that the client has not read yet. What is more is counted, not told: reading must not wait for it. */
const UNREAD_BYTES = 1024 * 1024;

/**
 * The streamed import: NDJSON in, one document a line; NDJSON out.
 *
 *     {"type": "progress", "done": 25, "known": 0, "failed": 1}     after each commit
 *     {"type": "error", "line": 7, "code": …, "message": …}         for each line that was not taken
 *     {"type": "end", "done": …, "known": …, "failed": …}           at the end of a body that was read whole
 *     {"type": "aborted", …, "code": …, "message": …}               instead of `end`
 *
 * Nothing more is read while a commit is written. Answers never hold up reading: a client may send everything before it
 * reads anything. A client that goes away ends the import after the commit under way.
 */
export const createImportStream = (deps: {
  readonly memory: Pick<Services['memory'], 'importBatch'>;
  readonly logger: Logger;
  readonly limits?: ImportLimits;
}): BodyStream => {
  const { maxBytes = MAX_BYTES, idleMs = IDLE_MS } = deps.limits ?? {};

  return {
    types: new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl']),

    async answer(ctx, req, res) {
      const { caller } = ctx;
      if (caller === undefined)
        throw new CrucibleError('unauthenticated', 'The request carries no credentials');
      assertPermitted(caller.principal, 'memory:write');
      refuseHeaders(req, maxBytes);
      res.statusCode = 200;
      res.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
      const report = createReport(res);
      try {
        const chunks = bounded(req, { maxBytes, idleMs });
        const lines = readLines(chunks, { lineBytes: LINE_BYTES });
        await withOrigin(caller.origin, () => importLines(lines, deps.memory, report, () => res.destroyed));
        report.end({ type: 'end' });
      } catch (thrown) {
        // Gone: nobody is left to be told, and what was committed stays.
        if (res.destroyed) return;
        const error = toCrucibleError(thrown);
        logFailure(deps.logger, error, { requestId: ctx.requestId, method: req.method, path: req.url });
        report.end({ type: 'aborted', code: error.code, message: error.message });
        // Whoever is still sending gets to read the answer; `limitArrival` waits for the rest, and not for long.
        req.resume();
      }
    },
  };
};

const refuseHeaders = (req: IncomingMessage, maxBytes: number): void => {
  const encoding = req.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity')
    throw new CrucibleError('unsupported_media_type', 'An import comes uncompressed', {
      hint: 'Send the body uncompressed.',
    });
  if (Number(req.headers['content-length'] ?? '0') > maxBytes) throw tooLarge(maxBytes);
  if (req.headers['idempotency-key'] !== undefined)
    throw new CrucibleError('malformed_request', 'A streamed import takes no Idempotency-Key', {
      hint: 'Give the documents ids: each is then taken once, however often it is sent.',
    });
};

const tooLarge = (maxBytes: number): CrucibleError =>
  new CrucibleError('payload_too_large', `An import is at most ${maxBytes} bytes`, {
    hint: 'Send the rest in another one; what was answered as done is kept.',
  });

/** The body as it comes, up to so many bytes, with no longer silence than that. */
async function* bounded(
  req: IncomingMessage,
  limits: { readonly maxBytes: number; readonly idleMs: number },
): AsyncGenerator<Buffer> {
  // Whoever stops reading still answers: the connection must live on.
  const chunks: AsyncIterator<Buffer> = req.iterator({ destroyOnReturn: false });
  let size = 0;
  for (;;) {
    const next = await orSilence(chunks.next(), limits.idleMs);
    if (next.done === true) return;
    size += next.value.length;
    if (size > limits.maxBytes) throw tooLarge(limits.maxBytes);
    yield next.value;
  }
}

const orSilence = async <T>(next: Promise<T>, idleMs: number): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new CrucibleError('malformed_request', `Nothing came for ${idleMs} ms`)),
    idleMs,
  );
  try {
    return await Promise.race([next, promise]);
  } finally {
    clearTimeout(timer);
  }
};

interface Counts {
  done: number;
  known: number;
  failed: number;
}

/** The lines of the answer. */
interface Report {
  readonly counts: Counts;
  progress(): void;
  failure(
    line: number,
    error: { readonly code: string; readonly message: string; readonly errors?: unknown },
  ): void;
  /** The last line, with all counts. */
  end(line: { readonly type: string; readonly code?: string; readonly message?: string }): void;
}

const createReport = (res: ServerResponse): Report => {
  const counts: Counts = { done: 0, known: 0, failed: 0 };
  let untold = 0;
  const write = (line: object): boolean => {
    if (res.destroyed || res.writableLength > UNREAD_BYTES) return false;
    res.write(`${JSON.stringify(line)}\n`);
    return true;
  };
  return {
    counts,
    // The next one says more.
    progress: () => void write({ type: 'progress', ...counts }),
    failure(line, error) {
      counts.failed += 1;
      if (!write({ type: 'error', line, ...error })) untold += 1;
    },
    end({ type, ...rest }) {
      const omitted = untold === 0 ? {} : { errors_untold: untold };
      res.end(`${JSON.stringify({ type, ...counts, ...omitted, ...rest })}\n`);
    },
  };
};

interface Waiting {
  readonly line: number;
  readonly document: Document;
}

const importLines = async (
  lines: AsyncIterable<BodyLine>,
  memory: Pick<Services['memory'], 'importBatch'>,
  report: Report,
  isGone: () => boolean,
): Promise<void> => {
  let waiting: Waiting[] = [];
  let bytes = 0;
  const commit = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    bytes = 0;
    if (batch.length > 0) {
      const results = await memory.importBatch(batch.map(({ document }) => document));
      for (const [i, result] of results.entries()) {
        const { error, imported } = importResultView(result);
        if (error !== undefined) report.failure(batch[i]?.line ?? 0, error);
        else if (imported) report.counts.done += 1;
        else report.counts.known += 1;
      }
    }
    report.progress();
  };

  for await (const found of lines) {
    if (isGone()) return;
    const document = readDocument(found, report);
    if (document === undefined) continue;
    waiting.push({ line: found.line, document });
    bytes += document.content.length;
    if (waiting.length >= BATCH_DOCUMENTS || bytes >= BATCH_BYTES) await commit();
  }
  if (!isGone()) await commit();
};

/** A line that is no document is told, and does not keep the others from being taken. */
const readDocument = (found: BodyLine, report: Report): Document | undefined => {
  const refuse = (error: CrucibleError): undefined => {
    const { code, message, issues } = error;
    report.failure(found.line, { code, message, ...(issues.length === 0 ? {} : { errors: issues }) });
  };
  if ('tooLong' in found)
    return refuse(
      new CrucibleError('payload_too_large', `The line is longer than ${LINE_BYTES} bytes`, {
        hint: 'A memory holds at most 1 MiB.',
      }),
    );
  try {
    const parsed = importLine.safeParse(parseJson(textOf(found.bytes)));
    if (parsed.success) return parsed.data;
    return refuse(invalidInput(issuesOf(parsed.error.issues)));
  } catch (error) {
    if (!isCrucibleError(error)) throw error;
    return refuse(error);
  }
};
