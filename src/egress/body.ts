import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** Where the bytes of a response body go. Exactly one of `full`, `ended` and `failed` is called, once. */
interface BodyEvents {
  /** As much as may be kept is there; nothing more is wanted. */
  full(body: Buffer): void;
  ended(body: Buffer): void;
  /** The bytes are not what `content-encoding` says. */
  failed(error: Error): void;
  /** The decoders are behind (`true`), or have caught up. */
  pressure(high: boolean): void;
}

export interface BodySink {
  write(chunk: Buffer): void;
  end(): void;
  destroy(): void;
}

/** More layers than anybody has a reason for (RFC 9110, 8.4 allows any number). */
const MAX_LAYERS = 3;

/** Names of content codings in the order in which they were applied; undefined: one of them is not known here. */
export const codingsOf = (header: string | undefined): readonly string[] | undefined => {
  const names = (header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const known = names.every((name) => ['gzip', 'x-gzip', 'deflate', 'br', 'zstd'].includes(name));
  return known && names.length <= MAX_LAYERS ? names : undefined;
};

const decoderFor = (coding: string, first: Buffer | undefined): Transform => {
  if (coding === 'br') return createBrotliDecompress();
  if (coding === 'zstd') return createZstdDecompress();
  if (coding !== 'deflate') return createGunzip();
  // "deflate" means zlib (RFC 9110, 8.4.1.2), but servers send it bare; the first byte tells.
  return first !== undefined && ((first[0] ?? 0) & 0x0f) !== 8 ? createInflateRaw() : createInflate();
};

/**
 * Keeps the first `limit` bytes of a body, counted after decompression. Decompression is a stream of small pieces that
 * stops at the limit, so a bomb costs what is kept and one piece more, however much it would become.
 */
export const createBodySink = (codings: readonly string[], limit: number, events: BodyEvents): BodySink => {
  const kept: Buffer[] = [];
  let size = 0;
  let done = false;
  let decoders: Transform[] | undefined;

  const finish = (report: () => void): void => {
    if (done) return;
    done = true;
    decoders?.forEach((decoder) => decoder.destroy());
    report();
  };

  const keep = (chunk: Buffer): void => {
    if (done) return;
    const room = limit - size;
    // Exactly `limit` bytes are a whole body; only one byte more makes it truncated.
    kept.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    size += Math.min(chunk.length, room);
    if (chunk.length > room) finish(() => events.full(Buffer.concat(kept)));
  };

  const ended = (): void => finish(() => events.ended(Buffer.concat(kept)));

  const startDecoders = (firstChunk: Buffer): Transform[] => {
    // The coding applied last is taken off first. Only the outermost one's first bytes are known here.
    const chain = codings
      .toReversed()
      .map((coding, index) => decoderFor(coding, index === 0 ? firstChunk : undefined));
    chain.forEach((decoder, index) => {
      decoder.on('error', (error: Error) => finish(() => events.failed(error)));
      const next = chain[index + 1];
      if (next === undefined) decoder.on('data', keep).on('end', ended);
      else decoder.pipe(next);
    });
    return chain;
  };

  return {
    write(chunk) {
      if (done) return;
      if (codings.length === 0) {
        keep(chunk);
        return;
      }
      decoders ??= startDecoders(chunk);
      const [outermost] = decoders;
      if (outermost !== undefined && !outermost.write(chunk)) {
        events.pressure(true);
        outermost.once('drain', () => {
          if (!done) events.pressure(false);
        });
      }
    },
    end() {
      if (decoders === undefined) ended();
      else decoders[0]?.end();
    },
    destroy() {
      finish(() => undefined);
    },
  };
};
