import type { CrucibleError } from '../kernel/errors.ts';
import type { FeedItem } from '../log/following/leader.ts';
import type { Committed } from '../log/log.ts';
import { decodeError, encodeError, isObject } from './error-codec.ts';

/** How many texts of commits are kept, and how many characters. */
const KEPT = { commits: 64, characters: 8 * 1024 * 1024 };

/**
 * Lines of the feed. All followers are told of a commit at about the same time, so the last texts are kept and each is
 * made once.
 */
export const createFeedLines = (): ((item: FeedItem) => string) => {
  const texts = new Map<Committed, string>();
  let characters = 0;

  const textOf = (committed: Committed): string => {
    const known = texts.get(committed);
    if (known !== undefined) return known;
    const text = JSON.stringify(committed);
    texts.set(committed, text);
    characters += text.length;
    for (const [oldest, its] of texts) {
      if (texts.size <= KEPT.commits && characters <= KEPT.characters) break;
      texts.delete(oldest);
      characters -= its.length;
    }
    return text;
  };

  return (item) => {
    if (item.kind !== 'commit') return `${JSON.stringify(item)}\n`;
    const { committed, ...rest } = item;
    return `${JSON.stringify(rest).slice(0, -1)},"committed":${textOf(committed)}}\n`;
  };
};

/** The last line of a feed that could not go on. */
export const errorLine = (error: unknown): string =>
  `${JSON.stringify({ kind: 'error', error: encodeError(error) })}\n`;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isCommitted = (value: unknown): value is Committed =>
  isObject(value) && ['events', 'reactions', 'changed'].every((part) => Array.isArray(value[part]));

const isItem = (value: Readonly<Record<string, unknown>>): boolean => {
  switch (value['kind']) {
    case 'hello':
      return (
        ['epoch', 'sequence', 'head', 'firstAvailable'].every((field) => isCount(value[field])) &&
        (value['batch'] === null || typeof value['batch'] === 'string')
      );
    case 'commit':
      return (
        isCount(value['sequence']) && typeof value['batch'] === 'string' && isCommitted(value['committed'])
      );
    case 'alive':
      return value['problem'] === null || typeof value['problem'] === 'string';
    default:
      return false;
  }
};

/** @returns the item, or why there are no more; undefined: this is no line of a feed */
export const decodeFeedLine = (line: string): FeedItem | CrucibleError | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (value['kind'] === 'error') return decodeError(value['error']);
  return isItem(value) ? (value as unknown as FeedItem) : undefined;
};
