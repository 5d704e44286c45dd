import { createHash } from 'node:crypto';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import { extract, MAX_LINKS, MAX_TAGS, type Extracted } from './markdown/extract.ts';
import type { NoteLink } from './markdown/inline.ts';
import { entitySlug, normaliseName } from './names.ts';
import type { MemoryPlan } from './state/plan.ts';
import type { CardRow, MemoryRow, TextLink } from './tables.ts';

/** The largest content of one memory, in bytes of UTF-8. */
const MAX_CONTENT_BYTES = 1024 * 1024;
const MAX_ENTITIES = 200;

export const contentHashOf = (content: string): string =>
  createHash('sha256').update(content, 'utf8').digest('hex');

/** What somebody wants a memory to be. */
export interface Draft {
  readonly content: string;
  readonly metadata: JsonObject;
  readonly name: string | null;
}

/** A draft that has been read. */
export interface ReadDraft extends Draft {
  readonly hash: string;
  readonly found: Extracted;
}

/** @throws CrucibleError `payload_too_large`, `invalid` with everything that there is too much of */
export const readDraft = (draft: Draft): ReadDraft => {
  const { content } = draft;
  if (Buffer.byteLength(content) > MAX_CONTENT_BYTES)
    throw new CrucibleError('payload_too_large', `A memory holds at most ${MAX_CONTENT_BYTES} bytes`, {
      issues: [{ path: 'content', message: `is larger than ${MAX_CONTENT_BYTES} bytes` }],
      hint: 'Part it into several that link to each other.',
    });
  const found = extract(content);
  const issues = [
    ...tooMany('links', found.links.length, MAX_LINKS),
    ...tooMany('tags', found.tags.length, MAX_TAGS),
    ...tooMany('entities', found.entities.length, MAX_ENTITIES),
  ];
  if (draft.name !== null && normaliseName(draft.name) === undefined)
    issues.push({ path: 'name', message: 'must be 1 to 200 characters that are not only white space' });
  if (issues.length > 0)
    throw new CrucibleError(
      'invalid',
      `The memory cannot be kept: ${issues.map(({ message }) => message).join('; ')}`,
      {
        issues,
      },
    );
  return { ...draft, hash: contentHashOf(content), found };
};

const tooMany = (what: string, count: number, most: number): Issue[] =>
  count <= most
    ? []
    : [{ path: 'content', message: `it holds more than ${most} ${what}`, hint: 'Part it into several.' }];

const textLink = ({ target, written }: NoteLink): TextLink[] => {
  const name = normaliseName(target);
  if (name === undefined) return [];
  const last = target.includes('/') ? normaliseName(target.slice(target.lastIndexOf('/') + 1)) : undefined;
  const label = (last === undefined ? target : target.slice(target.lastIndexOf('/') + 1)).trim();
  return [{ name, other: last ?? null, label, written }];
};

const firstLine = (content: string): string | undefined => {
  for (const line of content.slice(0, 4_000).split('\n')) {
    const text = line.replace(/\s+/gu, ' ').trim().slice(0, 80).toWellFormed();
    if (text !== '' && text !== '---') return text;
  }
  return undefined;
};

/** What people call it. A first line stands in for a title; nobody can link to it. */
export const titleOf = ({ found, name, content }: ReadDraft): string =>
  found.title ?? name ?? firstLine(content) ?? 'Untitled';

/** What a card says that follows from the text. */
const cardOf = (draft: ReadDraft) => ({ ...namesIn(draft), ...pointersIn(draft) });

const namesIn = (draft: ReadDraft) => ({
  title: titleOf(draft),
  title_is_name: draft.found.title !== undefined,
  name: draft.name,
  aliases: draft.found.aliases,
});

const pointersIn = ({ found }: ReadDraft) => ({
  text_tags: found.tags,
  links: found.links.flatMap(textLink),
  entities: [...new Map(found.entities.map((label) => [entitySlug(label), label]))].map(([slug, label]) => ({
    slug,
    label,
  })),
});

/** What a new memory has besides its text. */
export interface NewMemory {
  readonly id: string;
  readonly now: number;
  readonly actor: string;
  readonly agent?: string;
  readonly file?: CardRow['file'];
  readonly addedTags?: readonly string[];
  readonly addedLinks?: CardRow['added_links'];
  readonly inherited?: readonly string[];
  readonly sources?: readonly string[];
}

const memoryRow = (world: string, id: string, { content, hash, metadata, found }: ReadDraft): MemoryRow => ({
  id,
  world,
  content,
  hash,
  metadata,
  issues: found.issues.map(({ message, line = 1 }) => ({ message, line })),
});

/** Puts a new memory into the plan. */
export const addMemory = async (plan: MemoryPlan, draft: ReadDraft, made: NewMemory): Promise<CardRow> => {
  const { id, now } = made;
  const card: CardRow = {
    id,
    world: plan.world,
    state: 'active',
    ...cardOf(draft),
    inherited: made.inherited ?? [],
    added_tags: made.addedTags ?? [],
    added_links: made.addedLinks ?? [],
    sources: made.sources ?? [],
    into: null,
    file: made.file ?? null,
    agent: made.agent ?? null,
    created_by: made.actor,
    edges: [],
    created_at: now,
    updated_at: now,
    listed: null,
    newest: null,
    oldest: null,
  };
  await plan.expect(card);
  await plan.setMemory(memoryRow(plan.world, id, draft));
  // A memory whose node is still being taken away may come again under its id.
  const whole = { ...card, edges: (await plan.card(id))?.edges ?? [] };
  await plan.setCard(whole);
  return whole;
};

/** Gives a memory another text, name or metadata. */
export const rewriteMemory = async (
  plan: MemoryPlan,
  card: CardRow,
  draft: ReadDraft,
  changed: { readonly now: number; readonly file?: CardRow['file'] },
): Promise<CardRow> => {
  const after: CardRow = {
    ...card,
    ...cardOf(draft),
    ...(changed.file === undefined ? {} : { file: changed.file }),
    updated_at: Math.max(changed.now, card.updated_at),
  };
  await Promise.all([plan.load([card.id]), plan.expect(after)]);
  await plan.setMemory(memoryRow(plan.world, card.id, draft));
  await plan.setCard(after);
  return after;
};
