/** Finds the templates in a string. Knows as much of CEL as it takes to find where one ends. */

export type Part = { readonly text: string } | { readonly expression: string };

/** @returns the parts in order, without empty texts; or the template that has no end */
export const scanTemplate = (
  source: string,
): { readonly parts: readonly Part[] } | { readonly unclosed: string } => {
  const parts: Part[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    if (open === -1) break;
    if (open > at && source[open - 1] === '\\') {
      text += `${source.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    const close = endOf(source, open + 2);
    if (close === -1) return { unclosed: source.slice(open + 2) };
    text += source.slice(at, open);
    if (text !== '') parts.push({ text });
    text = '';
    parts.push({ expression: source.slice(open + 2, close).trim() });
    at = close + 2;
  }
  text += source.slice(at);
  if (text !== '') parts.push({ text });
  return { parts };
};

/** Where the `}}` stands that closes the expression: not within a string, nor within a map's braces. */
const endOf = (source: string, from: number): number => {
  let braces = 0;
  let at = from;
  while (at < source.length) {
    const char = source[at];
    if (char === '"' || char === "'") {
      at = endOfString(source, at);
      continue;
    }
    if (char === '{') braces += 1;
    if (char === '}') {
      if (braces === 0) return source[at + 1] === '}' ? at : -1;
      braces -= 1;
    }
    at += 1;
  }
  return -1;
};

/** After the closing quote of the CEL string that begins here; the end of the source where it has none. */
const endOfString = (source: string, at: number): number => {
  const quote = source[at] ?? '"';
  const delimiter = source.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  let position = at + delimiter.length;
  while (position < source.length) {
    if (source[position] === '\\') position += 2;
    else if (source.startsWith(delimiter, position)) return position + delimiter.length;
    else position += 1;
  }
  return source.length;
};
