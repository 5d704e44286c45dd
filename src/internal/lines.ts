import type { ServerResponse } from 'node:http';
import { NDJSON } from './protocol.ts';

const NEWLINE = 0x0a;

/**
 * The lines of a body, as they come; what stands after the last newline was cut off and is not given.
 * @throws RangeError for a line of more than `maxBytes`
 */
export const readLines = async function* (
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string, void, undefined> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      from = at + 1;
      yield line;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxBytes) throw new RangeError(`a line is longer than ${maxBytes} bytes`);
  }
};

export interface LineWriter {
  /** Resolves when there is room for the next one. @returns false: nobody reads any more */
  write(line: string): Promise<boolean>;
}

/**
 * An answer of lines. It holds one line beyond what the socket takes; a reader that takes nothing for `stallMs` is cut off.
 */
export const createLineWriter = (res: ServerResponse, stallMs: number): LineWriter => {
  const room = (): Promise<boolean> =>
    new Promise((resolve) => {
      const end = (open: boolean) => (): void => {
        clearTimeout(timer);
        res.off('drain', drained).off('close', closed);
        resolve(open);
      };
      const drained = end(true);
      const closed = end(false);
      const timer = setTimeout(() => res.destroy(), stallMs);
      res.once('drain', drained).once('close', closed);
    });

  return {
    write: async (line) => {
      if (res.destroyed) return false;
      if (!res.headersSent) res.writeHead(200, { 'Content-Type': NDJSON, 'Cache-Control': 'no-store' });
      return res.write(line) || room();
    },
  };
};
