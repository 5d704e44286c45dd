/** A line of a body, counted from 1. */
export type BodyLine =
  | { readonly line: number; readonly bytes: Buffer }
  /** Longer than may be: its text is not kept. */
  | { readonly line: number; readonly tooLong: true };

const NEWLINE = 0x0a;
/** A byte order mark in UTF-8: some programs begin every text with it (RFC 8259 lets who reads pass over it). */
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Lines of a stream of bytes, without their line ends (`\n` or `\r\n`) and without blank ones; never more than one line
 * in memory, and of one that is too long nothing but its number. The last line needs no end.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  limits: { readonly lineBytes: number },
): AsyncGenerator<BodyLine> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;

  const add = (part: Buffer): void => {
    size += part.length;
    if (size <= limits.lineBytes) parts.push(part);
    else parts = [];
  };
  const taken = (): BodyLine | undefined => {
    const whole = Buffer.concat(parts);
    const marked = line === 1 && whole.subarray(0, MARK.length).equals(MARK);
    const bytes = trimmed(marked ? whole.subarray(MARK.length) : whole);
    const tooLong = size > limits.lineBytes;
    parts = [];
    size = 0;
    if (tooLong) return { line, tooLong };
    return bytes.length === 0 ? undefined : { line, bytes };
  };

  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      const found = taken();
      if (found !== undefined) yield found;
      line += 1;
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  const last = taken();
  if (last !== undefined) yield last;
}

const WHITE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d]);

const trimmed = (bytes: Buffer): Buffer => {
  let [start, end] = [0, bytes.length];
  while (start < end && WHITE.has(bytes[end - 1] ?? 0)) end -= 1;
  while (start < end && WHITE.has(bytes[start] ?? 0)) start += 1;
  return bytes.subarray(start, end);
};
