import { normaliseTag } from '../names.ts';

/** A link to another note, as it is written. */
export interface NoteLink {
  /** `[[Deep Learning|DL]]` becomes `Deep Learning`; `notes/Deep%20Learning.md#x` becomes `notes/Deep Learning`. */
  readonly target: string;
  /** `[[…]]` as written; of a Markdown link its address in double brackets, which says the same. */
  readonly written: string;
}

export interface InlineFindings {
  readonly tags: (tag: string) => void;
  readonly links: (link: NoteLink) => void;
}

/** Longer than this and it is neither a name nor an address. Characters. */
const MAX_LINK_LENGTH = 1_000;
const MAX_TAG_LENGTH = 101;

const TAG_CHARACTERS = /(?:[\p{L}\p{M}\p{N}\p{Extended_Pictographic}_/-]|\u200d|\ufe0f)*/uy;
/** What may stand before a tag: nothing, white space, or the opening of something. Not `/`, `&`, `"`, letters: addresses, entities, attributes. */
const BEFORE_TAG = /[\s([,;*_~=（「、。，；：]/u;
/** Files that are no notes. */
const ATTACHMENT =
  /\.(?:png|jpe?g|gif|svg|webp|bmp|avif|tiff?|ico|pdf|docx?|xlsx?|pptx?|csv|zip|mp[34]|m4[av]|wav|ogg|flac|mov|webm|mkv|canvas|base)$/i;

/**
 * Finds links and tags in one paragraph or heading, outside of code spans. Each character is looked at a bounded number
 * of times: what is not closed is not looked for again and again.
 */
export const scanInline = (text: string, found: InlineFindings): void => {
  const code = codeSpans(text);
  const comment = commentEnds(text);
  for (let at = 0; at < text.length;) {
    switch (text.charCodeAt(at)) {
      case BACKSLASH:
        at += 2;
        break;
      case BACKTICK:
        at = code(at) ?? runEnd(text, at);
        break;
      case LESS:
        at = comment(at) ?? at + 1;
        break;
      case HASH:
        at = scanTag(text, at, found);
        break;
      case OPENING:
        at = scanWikilink(text, at, found);
        break;
      case CLOSING:
        at = scanAddress(text, at, found);
        break;
      default:
        at += 1;
    }
  }
};

const [BACKSLASH, BACKTICK, HASH, OPENING, CLOSING, LESS] = [0x5c, 0x60, 0x23, 0x5b, 0x5d, 0x3c];

const runEnd = (text: string, from: number): number => {
  let end = from;
  while (text.charCodeAt(end) === BACKTICK) end += 1;
  return end;
};

/** Where what is asked for ends; undefined: it does not begin here. Asked with growing places only. */
type EndOf = (at: number) => number | undefined;

/**
 * Code spans: a run of back-ticks reaches to the next run of the same length (CommonMark 0.31.2, 6.1). Runs are gone
 * through once from the end, so that a text of runs without partners costs no more than another.
 */
const codeSpans = (text: string): EndOf => {
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = text.indexOf('`'); at !== -1; at = text.indexOf('`', ends.at(-1))) {
    starts.push(at);
    ends.push(runEnd(text, at));
  }
  const next = new Map<number, number>();
  const spans = new Float64Array(starts.length).fill(-1);
  for (let i = starts.length - 1; i >= 0; i -= 1) {
    const end = ends[i] ?? 0;
    const length = end - (starts[i] ?? 0);
    spans[i] = next.get(length) ?? -1;
    next.set(length, end);
  }
  let run = 0;
  return (at) => {
    while ((starts[run] ?? Infinity) < at) run += 1;
    // The rest of a run whose first back-tick is escaped is no run of this list: it counts as text.
    const end = starts[run] === at ? (spans[run] ?? -1) : -1;
    return end === -1 ? undefined : end;
  };
};

const commentEnds = (text: string): EndOf => {
  let close = 0;
  return (at) => {
    if (close === -1 || !text.startsWith('<!--', at)) return undefined;
    if (close < at + 4) close = text.indexOf('-->', at + 4);
    return close === -1 ? undefined : close + 3;
  };
};

const scanTag = (text: string, at: number, found: InlineFindings): number => {
  TAG_CHARACTERS.lastIndex = at + 1;
  const end = at + 1 + (TAG_CHARACTERS.exec(text)?.[0].length ?? 0);
  const before = at === 0 ? ' ' : text.charAt(at - 1);
  if (end > at + 1 && end - at <= 4 * MAX_TAG_LENGTH && BEFORE_TAG.test(before) && text.charAt(end) !== '#') {
    const tag = normaliseTag(text.slice(at, end));
    if (tag !== undefined) found.tags(tag);
  }
  return end;
};

/** At a `[`. Whether or not it is one, the answer is where to go on. */
const scanWikilink = (text: string, at: number, found: InlineFindings): number => {
  if (text.charCodeAt(at + 1) !== OPENING) return at + 1;
  const limit = Math.min(text.length, at + 2 + MAX_LINK_LENGTH);
  let end = at + 2;
  // Another bracket or a line's end in it, and it is none.
  while (end < limit && !'[]\n'.includes(text.charAt(end))) end += 1;
  if (end >= limit || text.charCodeAt(end) !== CLOSING || text.charCodeAt(end + 1) !== CLOSING) return at + 1;
  const inner = text.slice(at + 2, end);
  const [pointer = ''] = inner.split(/\\?\|/, 1);
  const target = noteTarget(pointer);
  if (target !== undefined) found.links({ target, written: `[[${inner}]]` });
  return end + 2;
};

/** At a `]`: the address of a Markdown link may follow. It may hold a `#`, which begins no tag. */
const scanAddress = (text: string, at: number, found: InlineFindings): number => {
  if (text.charAt(at + 1) !== '(') return at + 1;
  const limit = Math.min(text.length, at + 2 + MAX_LINK_LENGTH);
  const angled = text.charAt(at + 2) === '<';
  const start = angled ? at + 3 : at + 2;
  let end = start;
  let depth = 0;
  for (; end < limit; end += 1) {
    const character = text.charAt(end);
    if (character === '\n' || character === '[' || character === ']') break;
    if (angled ? character === '>' : /\s/.test(character)) break;
    if (angled) continue;
    if (character === '(') depth += 1;
    else if (character === ')') {
      if (depth === 0) break;
      depth -= 1;
    }
  }
  const ends = angled ? '>' : ') \t';
  if (end >= limit || end === start || !ends.includes(text.charAt(end))) return at + 2;
  const address = text.slice(start, end);
  const target = addressTarget(address);
  if (target !== undefined) found.links({ target, written: `[[${target}]]` });
  return end;
};

/** The name that a wikilink points with; undefined: nowhere but into its own note, or to a file that is no note. */
const noteTarget = (pointer: string): string | undefined => {
  const [name = ''] = pointer.split('#', 1);
  const target = name.trim().replace(/\.md$/i, '');
  return target === '' || ATTACHMENT.test(target) ? undefined : target;
};

/** The path that a Markdown link to a note leads to, without `./` and `../`. */
const addressTarget = (address: string): string | undefined => {
  const [path = ''] = address.split(/[?#]/, 1);
  if (!/\.md$/i.test(path) || /^[a-z][a-z0-9+.-]*:/i.test(path) || path.startsWith('//')) return undefined;
  const plain = decoded(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .join('/');
  return noteTarget(plain);
};

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    // Not every address is well encoded; then it is taken as it stands.
    return path;
  }
};
