import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { idPattern } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { MemoryDeps } from './dependencies.ts';
import { addMemory, readDraft, type ReadDraft } from './draft.ts';
import type { ImportDocument, ImportResult, MemoryService } from './memory.ts';
import { createdOf, draftOfCreated, writingAgent } from './writes.ts';
import { callersOrigin, payloadOf } from './writing.ts';
import { CARD_TABLE, type CardRow } from './tables.ts';

/** Documents of one transaction: a full-text row costs about 2 ms, and everybody's writes wait that long. */
const MAX_BATCH = 25;
/** What the events of one transaction may hold; a commit holds 4 MiB. Bytes of content. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

interface Item {
  readonly index: number;
  readonly id: string;
  readonly draft: ReadDraft;
}

/**
 * Takes documents, as many in one commit as fit. One that cannot be taken does not keep the others from it: if a commit
 * fails because of what is in it, it is tried again in halves.
 */
export const createImportBatch = (deps: MemoryDeps): MemoryService['importBatch'] => {
  const { log, write, newId, clock } = deps;

  const importItems = async (
    items: readonly Item[],
    results: Map<number, ImportResult>,
    idempotency: Parameters<MemoryService['importBatch']>[1],
  ): Promise<void> => {
    const { world, actor } = callersOrigin();
    const intended = items.map(({ id, draft }) => createdOf(id, draft));
    let imported = new Set<string>();
    const answer = await write(
      { world, intended, idempotency: idempotency?.idempotency },
      async (plan, passed) => {
        imported = new Set();
        const stored = (await log.records.getMany(
          CARD_TABLE.name,
          items.map(({ id }) => id),
        )) as readonly CardRow[];
        const known = new Map(stored.map((card) => [card.id, card]));
        for (const i of items.keys()) {
          const payload = payloadOf(passed, 'memory.created', i);
          const { id } = payload;
          const there = known.get(id);
          if (there !== undefined && there.world !== world) throw taken(id);
          if ((there !== undefined && there.state !== 'removing') || imported.has(id)) continue;
          const final = draftOfCreated(payload);
          plan.emit(createdOf(id, final));
          await addMemory(plan, final, { id, now: clock.now(), actor, ...(await writingAgent(deps, world)) });
          imported.add(id);
        }
        return { imported: [...imported], ids: items.map(({ id }) => id) };
      },
    );
    const fresh = new Set(textsOf(answer, 'imported'));
    const ids = textsOf(answer, 'ids');
    const counted = new Set<string>();
    for (const [i, { index, id: given }] of items.entries()) {
      const id = ids[i] ?? given;
      results.set(index, { id, imported: fresh.has(id) && !counted.has(id) });
      counted.add(id);
    }
  };

  const importAll = async (items: readonly Item[], results: Map<number, ImportResult>): Promise<void> => {
    try {
      await importItems(items, results, undefined);
    } catch (error) {
      if (!isAboutContent(error)) throw error;
      const [only] = items;
      if (only === undefined) return;
      if (items.length === 1) {
        results.set(only.index, { error });
        return;
      }
      const half = Math.ceil(items.length / 2);
      await importAll(items.slice(0, half), results);
      await importAll(items.slice(half), results);
    }
  };

  return async (documents, context) => {
    if (documents.length > MAX_BATCH)
      throw new CrucibleError('invalid', `A batch holds at most ${MAX_BATCH} documents`);
    const results = new Map<number, ImportResult>();
    const items: Item[] = [];
    for (const [index, document] of documents.entries()) {
      try {
        items.push({ index, id: idOf(document, () => newId('msg')), draft: draftOf(document) });
      } catch (error) {
        if (!isCrucibleError(error)) throw error;
        results.set(index, { error });
      }
    }
    // A key makes one commit happen once; where it takes several, ids do the same for each document.
    if (context?.idempotency !== undefined) {
      if (items.length > 0) await importItems(items, results, context);
    } else {
      for (const part of parts(items)) await importAll(part, results);
    }
    return documents.map(
      (_, i) => results.get(i) ?? { error: new CrucibleError('internal', 'It was passed over') },
    );
  };
};

/** Failures that lie in the documents; all others are about the log, and end the import. */
const isAboutContent = (error: unknown): error is CrucibleError =>
  isCrucibleError(error) &&
  ['invalid', 'payload_too_large', 'already_exists', 'forbidden', 'schema_mismatch'].includes(error.code);

const parts = (items: readonly Item[]): readonly (readonly Item[])[] => {
  const all: Item[][] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(item.draft.content);
    const last = all.at(-1);
    if (last === undefined || bytes + size > MAX_BATCH_BYTES) {
      all.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return all;
};

const draftOf = ({ content, name = null, metadata = {} }: ImportDocument): ReadDraft =>
  readDraft({ content, name, metadata });

const MEMORY_ID = idPattern('msg');

const idOf = ({ id }: ImportDocument, fresh: () => string): string => {
  if (id === undefined) return fresh();
  if (MEMORY_ID.test(id)) return id;
  const message = 'must be msg_ and a UUID of version 7 (RFC 9562)';
  throw new CrucibleError('invalid', `id ${message}`, { issues: [{ path: 'id', message }] });
};

const taken = (id: string): CrucibleError =>
  new CrucibleError('already_exists', `The id ${id} is taken`, {
    issues: [{ path: 'id', message: 'is taken' }],
  });

const textsOf = (answer: JsonObject | undefined, field: string): readonly string[] => {
  const value = answer?.[field];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
};
