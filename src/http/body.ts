import type { IncomingMessage } from 'node:http';
import { CrucibleError } from '../kernel/errors.ts';

const tooLarge = (limit: number): CrucibleError =>
  new CrucibleError('payload_too_large', `The body is larger than ${limit} bytes`, {
    hint: 'Send less at once: up to 1,000 events a request, and several requests.',
  });

/** Whether a body follows (RFC 9112, 6.3). */
export const hasBody = (req: IncomingMessage): boolean =>
  req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';

/**
 * Reads a body whole, never more than `limit` bytes of it, whether its length was announced or it comes in chunks.
 * Compressed bodies are refused: what one inflates to cannot be known from its size.
 * @throws CrucibleError `payload_too_large`, `unsupported_media_type`, `malformed_request` (the client went away)
 */
export const readBody = (req: IncomingMessage, limit: number): Promise<Buffer> => {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return Promise.reject(
      new CrucibleError(
        'unsupported_media_type',
        `The content encoding ${encoding.slice(0, 64)} is not supported`,
        {
          hint: 'Send the body uncompressed.',
        },
      ),
    );
  }
  if (Number(req.headers['content-length'] ?? '0') > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (done: () => void): void => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      done();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else settle(() => reject(tooLarge(limit)));
    };
    const onEnd = (): void => {
      const [only] = chunks;
      settle(() => resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size)));
    };
    const onGone = (): void =>
      settle(() => reject(new CrucibleError('malformed_request', 'The body ended early')));
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
};

/** Without its parameters, lower case; empty if none is given. */
export const mediaTypeOf = (req: IncomingMessage): string =>
  (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** @throws CrucibleError `unsupported_media_type` unless it is JSON, in UTF-8 */
export const assertJsonContent = (req: IncomingMessage): void => {
  const given = req.headers['content-type'] ?? '';
  const [type = '', ...parameters] = given
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const json = type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (json && (charset === undefined || charset.replaceAll('"', '') === 'utf-8')) return;
  throw new CrucibleError(
    'unsupported_media_type',
    given === '' ? 'The body has no content type' : 'The body is not JSON in UTF-8',
    {
      hint: 'Send Content-Type: application/json.',
    },
  );
};
