import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml';

/** A place in a file; both counted from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Locator {
  /**
   * Where the key (or list item) of this path stands; of a path that the file lacks, the nearest one above it. Keys
   * may hold dots themselves (`filter.metadata.author`), so the longest key that fits is taken.
   */
  locate(path: string): Position;
  /**
   * Where a line of the text at this path stands, for text written as a `|` block. Undefined: it is written otherwise,
   * and its lines are not lines of the file.
   */
  insideBlock(path: string, position: Position): Position | undefined;
}

/** A locator for a file that has no readable YAML: everything is at its beginning. */
export const atTheTop: Locator = { locate: () => ({ line: 1, column: 1 }), insideBlock: () => undefined };

/** @param text what `document` was parsed from, its first line being the first line of the file */
export const createLocator = (document: Document, lines: LineCounter, text: string): Locator => {
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };

  const find = (
    path: string,
  ): { readonly start: number; readonly value: Node | undefined; readonly whole: boolean } => {
    let node = content(document.contents, document);
    let start = node?.range?.[0] ?? 0;
    let rest = path;
    while (rest !== '' && node !== undefined) {
      const step = stepInto(node, rest);
      if (step === undefined) break;
      node = content(step.value, document);
      start = step.start ?? start;
      rest = rest.slice(step.length + 1);
    }
    return { start, value: node, whole: rest === '' };
  };

  return {
    locate: (path) => positionAt(find(path).start),
    insideBlock: (path, { line, column }) => {
      const { value, whole } = find(path);
      if (!whole || !isScalar(value) || value.type !== 'BLOCK_LITERAL' || !Array.isArray(value.range))
        return undefined;
      // The block's first line is the one after its `|`; its indentation is that of its first line with text.
      const header = positionAt(value.range[0]).line;
      const source = text.slice(value.range[0], value.range[1]).split('\n').slice(1);
      const first = source.find((written) => written.trim() !== '') ?? '';
      return { line: header + line, column: first.length - first.trimStart().length + column };
    },
  };
};

const content = (node: unknown, document: Document): Node | undefined => {
  const resolved = isAlias(node) ? node.resolve(document) : node;
  return isMap(resolved) || isSeq(resolved) || isScalar(resolved) ? resolved : undefined;
};

interface Step {
  readonly length: number;
  readonly start: number | undefined;
  readonly value: unknown;
}

const stepInto = (node: Node, rest: string): Step | undefined => {
  if (isSeq(node)) {
    const index = /^\d+/.exec(rest)?.[0];
    const item = index === undefined ? undefined : node.items[Number(index)];
    if (index === undefined || !isNodeLike(item)) return undefined;
    return { length: index.length, start: item.range?.[0], value: item };
  }
  if (!isMap(node)) return undefined;
  let best: Step | undefined;
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (rest !== name && !rest.startsWith(`${name}.`)) continue;
    if (best === undefined || name.length > best.length)
      best = { length: name.length, start: key.range?.[0], value };
  }
  return best;
};

const isNodeLike = (item: unknown): item is Node =>
  isMap(item) || isSeq(item) || isScalar(item) || isAlias(item);
