import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { MAX_BODY_BYTES } from './protocol.ts';

/** For a whole body to arrive. ms */
const ARRIVAL_MS = 30_000;

const tooLarge = (): CrucibleError =>
  new CrucibleError('payload_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes`);

const bytesOf = (req: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      req.off('data', onData);
      // What still comes of it goes nowhere; the answer ends the connection.
      req.resume();
      settle();
    };
    const broken = (message: string) => (): void =>
      end(() => reject(new CrucibleError('malformed_request', message)));
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) end(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const timer = setTimeout(broken(`The body did not arrive within ${ARRIVAL_MS} ms`), ARRIVAL_MS);
    req
      .on('data', onData)
      .once('end', () => end(() => resolve(Buffer.concat(chunks, size))))
      .once('error', broken('The body broke off'))
      .once('close', broken('The body broke off'));
  });

/**
 * The body of a request as JSON.
 * @throws CrucibleError `payload_too_large`, `malformed_request`
 */
export const readJson = async (req: IncomingMessage): Promise<unknown> => {
  const bytes = await bytesOf(req);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw new CrucibleError('malformed_request', 'The body is not JSON');
  }
};

const ISSUES_TOLD = 20;

/** @throws CrucibleError `invalid` */
export const checked = <T>(schema: z.ZodType<T>, body: unknown): T => {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, ISSUES_TOLD)
    .map(({ path, message }): Issue => ({ path: path.join('.'), message }));
  throw new CrucibleError('invalid', 'The body is not what this path takes', {
    hint: 'All processes of an installation run the same version.',
    issues,
  });
};
