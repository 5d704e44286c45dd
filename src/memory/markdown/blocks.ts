/**
 * The lines of a Markdown text (CommonMark) as far as links and tags need them: which are code, which are headings, and
 * which belong to one paragraph, over which a code span may reach. One pass, in linear time; nothing nests, so nothing
 * recurses.
 */
export interface Block {
  /** `heading`: of one line, or of the lines above an underline. */
  readonly kind: 'text' | 'heading';
  /** Without the marks of a heading; quotes and list markers are still there. */
  readonly text: string;
}

interface Fence {
  readonly mark: string;
  readonly length: number;
  /** How many quotes it stands in: it ends when they do. */
  readonly quotes: number;
}

const FENCE = /^(`{3,}|~{3,})(.*)$/;
const ATX = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const LIST_MARKER = /^([-+*]|\d{1,9}[.)])([ \t]+|$)/;
/** Levels of quotes and lists that are looked into; deeper ones are text. */
const MAX_LEVELS = 32;

interface Peeled {
  readonly quotes: number;
  /** Columns before anything stands there. */
  readonly start: number;
  /** What stands after quotes and list markers. */
  readonly rest: string;
  /** Columns before `rest`. */
  readonly column: number;
  /** Spaces directly before `rest`. */
  readonly indent: number;
  /** Where the content of the innermost list marker on this line begins; 0: there is none. */
  readonly item: number;
}

/** @param lists false: list markers are text, as they are in code */
const peel = (line: string, lists = true): Peeled => {
  let quotes = 0;
  let item = 0;
  let at = 0;
  let column = 0;
  let indent = 0;
  let start: number | undefined;
  for (let level = 0; level < MAX_LEVELS; level += 1) {
    indent = 0;
    for (; line[at] === ' ' || line[at] === '\t'; at += 1) {
      const width = line[at] === '\t' ? 4 - (column % 4) : 1;
      column += width;
      indent += width;
    }
    start ??= column;
    if (line[at] === '>' && indent < 4) {
      quotes += 1;
      at += 1;
      column += 1;
      continue;
    }
    const marker = lists && (indent < 4 || item > 0) ? LIST_MARKER.exec(line.slice(at, at + 12)) : null;
    if (marker === null || isThematicBreak(line, at)) break;
    const width = (marker[1] ?? '').length;
    at += width;
    column += width;
    item = column + 1;
  }
  return { quotes, start: start ?? 0, rest: line.slice(at), column, indent, item };
};

const isThematicBreak = (line: string, at: number): boolean =>
  '-*_'.includes(line[at] ?? '') && /^([-*_])[ \t]*(?:\1[ \t]*){2,}$/.test(line.slice(at, at + 400));

/** Whether a line begins something new, even right below a paragraph. */
const interrupts = (line: string, { quotes, rest }: Peeled): boolean =>
  quotes > 0 || FENCE.test(rest) || ATX.test(rest) || isThematicBreak(line, line.length - rest.length);

/** @param body Markdown without front matter, with `\n` line ends */
export function* blocksOf(body: string): Generator<Block> {
  let fence: Fence | undefined;
  let comment = false;
  let paragraph: string[] = [];
  /** Where the content of the list item begins that is open; 0: no list. */
  let item = 0;
  /** How many quotes the open paragraph stands in. */
  let quotes = 0;
  let afterBlank = true;

  const flush = function* (kind: Block['kind'] = 'text'): Generator<Block> {
    if (paragraph.length > 0) yield { kind, text: paragraph.join('\n') };
    paragraph = [];
  };

  for (let start = 0; start <= body.length;) {
    const newline = body.indexOf('\n', start);
    const end = newline === -1 ? body.length : newline;
    const line = body.slice(start, end);
    start = end + 1;

    if (comment) {
      const closed = line.indexOf('-->');
      if (closed === -1) continue;
      comment = false;
      paragraph.push(line.slice(closed + 3));
      continue;
    }
    const peeled = peel(line, fence === undefined);
    const { rest } = peeled;
    if (fence !== undefined) {
      if (peeled.quotes >= fence.quotes) {
        const closing = FENCE.exec(rest);
        const [, marks = '', info = ''] = closing ?? [];
        if (marks.startsWith(fence.mark) && marks.length >= fence.length && info.trim() === '')
          fence = undefined;
        continue;
      }
      fence = undefined;
    }
    if (rest.trim() === '') {
      yield* flush();
      afterBlank = true;
      continue;
    }
    // What begins further left than the item's content ends the list, if it cannot be the rest of a paragraph.
    if (item > peeled.start && (afterBlank || paragraph.length === 0 || interrupts(line, peeled))) item = 0;
    const base = peeled.item === 0 ? item : 0;
    const isIndented =
      peeled.item === 0 && peeled.indent >= 4 && peeled.column >= base + 4 && paragraph.length === 0;
    if (isIndented) {
      afterBlank = false;
      continue;
    }
    afterBlank = false;
    if (peeled.item > 0 || peeled.quotes > quotes) yield* flush();
    if (peeled.item > 0) item = peeled.item;
    if (paragraph.length === 0) quotes = peeled.quotes;
    const opening = FENCE.exec(rest);
    const [, marks = '', info = ''] = opening ?? [];
    if (opening !== null && !(marks.startsWith('`') && info.includes('`'))) {
      yield* flush();
      fence = { mark: marks.charAt(0), length: marks.length, quotes: peeled.quotes };
      continue;
    }
    // An HTML block (CommonMark 0.31.2, 4.6, kind 2); comments within a line are for whoever reads the line.
    if (rest.startsWith('<!--') && !rest.includes('-->')) {
      yield* flush();
      comment = true;
      continue;
    }
    const atx = ATX.exec(rest);
    if (atx !== null) {
      yield* flush();
      yield { kind: 'heading', text: (atx[2] ?? '').replace(/(?:^|[ \t])#+[ \t]*$/, '') };
      continue;
    }
    if (paragraph.length > 0 && UNDERLINE.test(rest) && peeled.item === 0) {
      yield* flush('heading');
      continue;
    }
    if (peeled.quotes === 0 && isThematicBreak(line, line.length - rest.length)) {
      yield* flush();
      continue;
    }
    paragraph.push(rest);
  }
  yield* flush();
}
