import type { Issue } from '../../kernel/errors.ts';
import type { JsonObject } from '../../kernel/json.ts';
import { normaliseName, normaliseTag } from '../names.ts';
import { blocksOf } from './blocks.ts';
import { scanInline, type NoteLink } from './inline.ts';
import { partNote, textsIn } from './note-front-matter.ts';

/** What a note says of itself and points to. Lists are in the order of the text, each thing once. */
export interface Extracted {
  /** Of the front matter, else the first heading; undefined: it has neither. */
  readonly title: string | undefined;
  readonly aliases: readonly string[];
  /** As {@link normaliseTag} keeps them. */
  readonly tags: readonly string[];
  /** Once for each target, compared as names are. */
  readonly links: readonly NoteLink[];
  /** Names from `entities:` and `people:`. */
  readonly entities: readonly string[];
  /** What is wrong with the front matter. */
  readonly issues: readonly Issue[];
}

/** A memory with more is refused; what is past the first one too many is not even gathered. */
export const MAX_LINKS = 5_000;
export const MAX_TAGS = 200;

/**
 * Reads a note. Pure, and linear in the length of the text whatever it holds.
 *
 * Tags stand in the text (`#ai`, `#area/sub`) or in the front matter (`tags: [ai]`), never in code, in an address, or as
 * the mark of a heading. Links are `[[Name]]`, `[[Name|shown]]`, `[[Name#heading]]`, `![[Name]]` and Markdown links to
 * `.md` files.
 */
export const extract = (content: string): Extracted => {
  const text = content.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const { fields = {}, body, issues } = partNote(text);
  const tags = new Set(frontMatterTags(fields));
  const links = new Map<string, NoteLink>();
  const entities = new Map<string, string>();
  const addLink = (link: NoteLink): void => {
    if (links.size > MAX_LINKS) return;
    const key = normaliseName(link.target);
    if (key !== undefined && !links.has(key)) links.set(key, link);
  };
  const addTag = (tag: string): void => {
    if (tags.size <= MAX_TAGS) tags.add(tag);
  };
  const findings = { tags: addTag, links: addLink };

  for (const written of [...textsIn(fields['entities']), ...textsIn(fields['people'])]) {
    if (written.startsWith('[[')) scanInline(written, findings);
    else addName(entities, written);
  }
  let heading: string | undefined;
  for (const block of blocksOf(body)) {
    if (block.kind === 'heading' && heading === undefined) heading = plainHeading(block.text);
    scanInline(block.text, findings);
  }
  const aliases = new Map<string, string>();
  for (const alias of [...textsIn(fields['aliases']), ...textsIn(fields['alias'])]) addName(aliases, alias);
  return {
    title: titleOf(fields) ?? heading,
    aliases: [...aliases.values()],
    tags: [...tags],
    links: [...links.values()],
    entities: [...entities.values()],
    issues,
  };
};

const addName = (names: Map<string, string>, written: string): void => {
  const key = normaliseName(written);
  if (key !== undefined && !names.has(key))
    names.set(key, written.normalize('NFC').replace(/\s+/gu, ' ').trim());
};

const titleOf = (fields: JsonObject): string | undefined => {
  const [title] = typeof fields['title'] === 'object' ? [] : textsIn(fields['title']);
  return title === undefined || normaliseName(title) === undefined ? undefined : title.trim();
};

/** `tags: [ai, "#ml"]`, or `tags: ai, ml`, with or without the `#`. */
const frontMatterTags = (fields: JsonObject): readonly string[] =>
  [...textsIn(fields['tags']), ...textsIn(fields['tag'])]
    .flatMap((written) => written.split(/[,\s]+/u))
    .map((written) => normaliseTag(written.startsWith('#') ? written : `#${written}`))
    .filter((tag) => tag !== undefined);

/** A heading as people read it: without the marks of links, emphasis and code. */
const plainHeading = (text: string): string | undefined => {
  const plain = text
    .slice(0, 2_000)
    .replace(/!?\[\[([^[\]|]*)(?:\|([^[\]]*))?\]\]/g, (_, name: string, shown?: string) => shown ?? name)
    .replace(/!?\[([^[\]]*)\]\([^()\s]*\)/g, '$1')
    .replace(/[*`]+|~~|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu, '')
    .replace(/\s+/gu, ' ')
    .trim();
  return normaliseName(plain) === undefined ? undefined : plain;
};
