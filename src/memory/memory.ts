import type { JsonObject } from '../kernel/json.ts';
import type { Idempotency } from '../log/log.ts';

/** A memory as callers see it. */
export interface MemoryView {
  readonly id: string;
  readonly world: string;
  /** Given by whoever made it, such as the name of its file; wikilinks may use it. */
  readonly name: string | null;
  /** Of the front matter, else the first heading, else the name, else the first line. */
  readonly title: string;
  /** Markdown. */
  readonly content: string;
  /** SHA-256 of the content in UTF-8, hexadecimal. */
  readonly hash: string;
  readonly metadata: JsonObject;
  /** Those of the text and those that were added, with the `#`. */
  readonly tags: readonly string[];
  /** What keeps the front matter from being read. */
  readonly issues: readonly { readonly message: string; readonly line: number }[];
  /** The memory that this one went into. */
  readonly consolidated_into: string | null;
  /** The node of the file that manages it. */
  readonly file: string | null;
  /** Who made it. */
  readonly created_by: string;
  /** ms since the epoch */
  readonly created_at: number;
  readonly updated_at: number;
}

export interface LinkView {
  /** The memory that it leads to; null: no memory has that name (then `entity` stands for it in the graph). */
  readonly to: string | null;
  readonly entity: string | null;
  readonly kind: string;
  /** As the text has it; null: it was added beside the text. */
  readonly written: string | null;
  readonly strength: number | null;
}

export interface BacklinkView {
  /** The memory that points here. */
  readonly from: string;
  readonly title: string;
  readonly kind: string;
}

export interface MemoryDetail extends MemoryView {
  readonly links: readonly LinkView[];
  /** Of the most 100 memories. */
  readonly backlinks: readonly BacklinkView[];
  /** Whether there are more; the graph has them all. */
  readonly more_backlinks: boolean;
}

export interface MemoryInput {
  readonly content: string;
  readonly name?: string | null;
  readonly metadata?: JsonObject;
}

/** What is absent stays. */
export interface MemoryUpdate {
  readonly content?: string;
  readonly name?: string | null;
  readonly metadata?: JsonObject;
  /** The update holds only if the content has this hash. */
  readonly expected_hash?: string;
}

interface LinkInput {
  readonly to: string;
  /** Default `related`. */
  readonly link_type?: string;
  /** Above 0, at most 1. */
  readonly strength?: number;
}

export const CONSOLIDATION_STRATEGIES = ['join', 'newest', 'longest'] as const;
export type ConsolidationStrategy = (typeof CONSOLIDATION_STRATEGIES)[number];

export interface ConsolidateInput {
  /** 2 to 50. */
  readonly ids: readonly string[];
  /** What the new memory says; else `strategy` makes it. */
  readonly content?: string;
  /** Default `join`. */
  readonly strategy?: ConsolidationStrategy;
  readonly name?: string | null;
  readonly metadata?: JsonObject;
  /** What it says, in short; it stands in the event. */
  readonly summary?: string;
}

export interface PruneInput {
  /** Those that were not changed since. ms since the epoch */
  readonly older_than?: number;
  /** Those that have all of these. */
  readonly tags?: readonly string[];
  /** 1 to 100. */
  readonly max: number;
  readonly dry_run: boolean;
  readonly reason?: string;
}

export interface PruneAnswer {
  readonly ids: readonly string[];
  readonly count: number;
  readonly dry_run: boolean;
  /** Whether there are more that it would take. */
  readonly more: boolean;
}

/** A document of an import. */
export interface ImportDocument extends MemoryInput {
  /** The same id is taken once: a document whose id is there already changes nothing. */
  readonly id?: string;
}

export type ImportResult = { readonly id: string; readonly imported: boolean } | { readonly error: Error };

export interface MemoryQuery {
  /** Words, all of which a memory has; or its whole name. */
  readonly text?: string;
  /** What it is about, in any words. */
  readonly semantic?: string;
  /** All of these. */
  readonly tags?: readonly string[];
  /** Those that link to this memory. */
  readonly linked_to?: string;
  /** When they were last written: from, inclusive, and until, exclusive. ms since the epoch */
  readonly since?: number;
  readonly until?: number;
  readonly min_relevance?: number;
  /** Of a page; 1 to 100. */
  readonly limit: number;
  /** From 1. */
  readonly page: number;
}

export interface QueryResult {
  readonly memory: MemoryView;
  /** 0 to 1. */
  readonly relevance: number;
  /** Why: `name`, `text`, `meaning`, `tags`, `linked_to`, `time`, joined by commas; `newest` when nothing was asked. */
  readonly match_reason: string;
}

export interface QueryAnswer {
  readonly results: readonly QueryResult[];
  /** On all pages. */
  readonly total: number;
  readonly page: number;
  readonly per_page: number;
  /**
   * How `semantic` was answered: by `meaning`; by `text`, because no embeddings endpoint is configured; null: it was not
   * asked.
   */
  readonly semantic_by: 'meaning' | 'text' | null;
  /** How many memories of all have no vector yet, and may be missing for that. */
  readonly semantic_pending: number;
}

export interface WriteContext {
  /** The worlds that the caller may see; undefined: all. */
  readonly visible?: readonly string[] | undefined;
  readonly idempotency?: Idempotency;
}

/**
 * Memories. Each operation is one commit of its events, its rows and what it does to the graph (many links may follow in
 * commits of their own, before the answer).
 *
 * Whom callers may see is in `visible`: what lies elsewhere is `not_found`. A new memory is made in the world of the
 * origin; any other operation happens in the world of the memory.
 */
export interface MemoryService {
  /** @throws CrucibleError `invalid`, `payload_too_large` */
  create(input: MemoryInput, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `not_found` */
  get(id: string, context?: Pick<WriteContext, 'visible'>): Promise<MemoryDetail>;
  /** In the order of ids. `after`: only greater ids. A page may be short although there are more. */
  list(page: {
    readonly visible?: readonly string[] | undefined;
    readonly after?: string;
    readonly limit: number;
  }): Promise<{ readonly data: readonly MemoryView[]; readonly last: string | undefined }>;
  /** @throws CrucibleError `invalid`, `embeddings_unavailable` */
  query(query: MemoryQuery, context?: Pick<WriteContext, 'visible'>): Promise<QueryAnswer>;
  /** @throws CrucibleError `not_found`, `expectation_failed` (the hash), `conflict` (consolidated), `managed_by_file`, `invalid` */
  update(id: string, input: MemoryUpdate, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `not_found`, `managed_by_file` */
  remove(id: string, context?: WriteContext & { readonly reason?: string }): Promise<void>;
  /** @throws CrucibleError `not_found`, `invalid` (`to`; a kind that the graph keeps for itself), `conflict` */
  link(id: string, input: LinkInput, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `not_found`, `invalid` (`to`), `conflict` (the link stands in the text) */
  unlink(id: string, input: Omit<LinkInput, 'strength'>, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `not_found`, `invalid` */
  tag(id: string, tag: string, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `not_found`, `conflict` (the tag stands in the text) */
  untag(id: string, tag: string, context?: WriteContext): Promise<MemoryDetail>;
  /** @throws CrucibleError `invalid` (`ids` too), `conflict`, `managed_by_file` */
  consolidate(input: ConsolidateInput, context?: WriteContext): Promise<MemoryDetail>;
  /** In the world of the origin. Memories that a file manages stay. */
  prune(input: PruneInput, context?: WriteContext): Promise<PruneAnswer>;
  /**
   * Up to 25 documents; each is taken or refused for itself, and those that are taken see each other.
   * @throws CrucibleError of the log, when nothing could be written
   */
  importBatch(documents: readonly ImportDocument[], context?: WriteContext): Promise<readonly ImportResult[]>;
  /** Takes up the links that an earlier process had no time for. */
  start(): Promise<void>;
  close(): Promise<void>;
}
