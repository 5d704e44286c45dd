import type { JsonObject } from '../kernel/json.ts';
import type { Row, TableDefinition } from '../log/records.ts';

/** A change looks at rows twice, in its decision and in the append loop, and who asks for it then looks at the same ones. */
const REMEMBERED = { recent: 2_000, recentReads: true } as const;

/** The memory itself. One that went into another keeps its text as `former_content`, where no search finds it. */
export const MEMORY_TABLE: TableDefinition = {
  name: 'memory',
  indexes: [],
  search: { name: 'memory_text', field: 'content', within: 'world' },
  ...REMEMBERED,
};

/** All of a memory but its text: what lists, filters and links are decided on. */
export const CARD_TABLE: TableDefinition = {
  name: 'memory_card',
  indexes: [
    { name: 'memory_card_world', fields: ['world', 'listed'] },
    { name: 'memory_card_newest', fields: ['world', 'newest'] },
    { name: 'memory_card_oldest', fields: ['world', 'oldest'] },
  ],
  ...REMEMBERED,
};

/** Who holds a tag. */
export const TAG_TABLE: TableDefinition = {
  name: 'memory_tag',
  indexes: [{ name: 'memory_tag_members', fields: ['world', 'tag', 'memory'] }],
  ...REMEMBERED,
};

/** Who points to a name (`n:deep learning`) or to a memory (`m:msg_…`). */
export const REFERENCE_TABLE: TableDefinition = {
  name: 'memory_reference',
  indexes: [{ name: 'memory_reference_key', fields: ['world', 'key', 'from'] }],
  ...REMEMBERED,
};

/** Whom a name means: the oldest of those who have it. */
export const NAME_TABLE: TableDefinition = { name: 'memory_name', indexes: [], ...REMEMBERED };

/** Who has a name, too. */
export const NAMESAKE_TABLE: TableDefinition = {
  name: 'memory_namesake',
  indexes: [{ name: 'memory_namesake_rank', fields: ['world', 'name', 'rank'] }],
};

/** Links that did not fit into the transaction that made them necessary (`state/mender.ts`). */
export const WORK_TABLE: TableDefinition = { name: 'memory_work', indexes: [] };

/** One row a world: how many memories it has, and a revision that guards every write. */
export const WORLD_TABLE: TableDefinition = { name: 'memory_world', indexes: [], ...REMEMBERED };

export const MEMORY_TABLES: readonly TableDefinition[] = [
  MEMORY_TABLE,
  CARD_TABLE,
  TAG_TABLE,
  REFERENCE_TABLE,
  NAME_TABLE,
  NAMESAKE_TABLE,
  WORK_TABLE,
  WORLD_TABLE,
];

/** Something wrong with the front matter. */
type NoteIssue = { readonly message: string; readonly line: number };

export type MemoryRow = Row & {
  readonly world: string;
  readonly content?: string;
  readonly former_content?: string;
  /** SHA-256 of the content in UTF-8, hexadecimal. */
  readonly hash: string;
  readonly metadata: JsonObject;
  readonly issues: readonly NoteIssue[];
};

/** A link that stands in the text. */
export type TextLink = {
  /** As names are compared. */
  readonly name: string;
  /** Of `folder/Note` the name `note`, which counts when nobody has the whole one. */
  readonly other: string | null;
  /** As the text names it. */
  readonly label: string;
  readonly written: string;
};

/** A link that was added beside the text. */
type AddedLink = { readonly to: string; readonly kind: string; readonly strength: number | null };

/** An edge of the graph that goes out from a memory. */
export type Edge = { readonly kind: string; readonly to: string; readonly weight: number | null };

export type CardRow = Row & {
  readonly world: string;
  /** `removing`: it is gone for everybody; its edges are still being taken away. */
  readonly state: 'active' | 'consolidated' | 'removing';
  readonly title: string;
  readonly title_is_name: boolean;
  /** Given by whoever made it: the name of its file. */
  readonly name: string | null;
  readonly aliases: readonly string[];
  /** Names of those that went into it, normalised. */
  readonly inherited: readonly string[];
  readonly text_tags: readonly string[];
  readonly added_tags: readonly string[];
  readonly entities: readonly { readonly slug: string; readonly label: string }[];
  readonly links: readonly TextLink[];
  readonly added_links: readonly AddedLink[];
  /** What went into it. */
  readonly sources: readonly string[];
  /** Into which it went. */
  readonly into: string | null;
  readonly file: { readonly id: string; readonly label: string | null } | null;
  /** The agent that wrote it, if it was registered. */
  readonly agent: string | null;
  readonly created_by: string;
  /** The edges that the graph has of it. */
  readonly edges: readonly Edge[];
  readonly created_at: number;
  readonly updated_at: number;
  /** The id; null while it is `removing`. */
  readonly listed: string | null;
  /** Sort keys, each of its own; null for what no query finds. */
  readonly newest: string | null;
  readonly oldest: string | null;
};

export type NameRow = Row & {
  readonly world: string;
  readonly owner: string;
  readonly rank: string;
  /** How many namesakes it has. */
  readonly others: number;
};

export type NamesakeRow = Row & {
  readonly world: string;
  readonly name: string;
  readonly memory: string;
  readonly rank: string;
};

export type ReferenceRow = Row & { readonly world: string; readonly key: string; readonly from: string };
export type TagRow = Row & { readonly world: string; readonly tag: string; readonly memory: string };

export type WorkRow = Row & {
  readonly world: string;
  /** `self:msg_…`: a memory's own edges; else a key of references, whose referrers come next after `after`. */
  readonly key: string;
  readonly after: string | null;
  /** On whose behalf. */
  readonly origin: JsonObject;
};

export type WorldRow = Row & { readonly memories: number; readonly revision: number };

const DIGITS = 16;
const LATEST = 10 ** 15;

const within = (at: number): number => Math.min(Math.max(at, 0), LATEST);

/** Times as text that sorts as they do. @param at milliseconds since the epoch */
export const oldestKey = (at: number, id = ''): string => `${String(within(at)).padStart(DIGITS, '0')}/${id}`;
export const newestKey = (at: number, id = ''): string =>
  `${String(LATEST - within(at)).padStart(DIGITS, '0')}/${id}`;
