import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Proposal } from '../state/change.ts';
import type { PayloadOf } from '../events/catalogue.ts';
import { assertNoFile, changeable, type MemoryDeps } from './dependencies.ts';
import { addMemory, readDraft, rewriteMemory, titleOf, type Draft, type ReadDraft } from './draft.ts';
import type { MemoryInput, MemoryService, MemoryUpdate } from './memory.ts';
import { applyPatch, patchBetween } from './patch.ts';
import { contentOf } from './reader.ts';
import { tagsOf } from './state/edges.ts';
import type { MemoryPlan } from './state/plan.ts';
import type { CardRow } from './tables.ts';
import { callersOrigin, payloadOf } from './writing.ts';

const inputDraft = ({ content, name = null, metadata = {} }: MemoryInput): Draft => ({
  content,
  name,
  metadata,
});

/** A `memory.created` as it is told of a draft. @param addedTags those that it gets beside its text */
export const createdOf = (
  id: string,
  draft: ReadDraft,
  addedTags: readonly string[] = [],
): Extract<Proposal, { type: 'memory.created' }> => ({
  type: 'memory.created',
  payload: {
    id,
    content: draft.content,
    title: titleOf(draft),
    ...(draft.name === null ? {} : { name: draft.name }),
    tags: [...draft.found.tags, ...addedTags],
    links: draft.found.links.map(({ written }) => written),
    hash: draft.hash,
    metadata: draft.metadata,
  },
  subject: id,
});

/** What a gate made of the draft: content, name and metadata are its to change; tags and links follow from them. */
export const draftOfCreated = (payload: PayloadOf<'memory.created'>): ReadDraft => {
  const { content, name, metadata = {} } = payload;
  return readDraft({ content, metadata, name: name ?? null });
};

/** The agent that writes, if one does and it is registered in that world. */
export const writingAgent = async (
  { isAgent }: Pick<MemoryDeps, 'isAgent'>,
  world: string,
): Promise<{ agent?: string }> => {
  const { source } = callersOrigin();
  return source.kind === 'agent' && (await isAgent(source.agent_id, world)) ? { agent: source.agent_id } : {};
};

/** @throws CrucibleError `internal`: a stored answer that names no memory */
export const idOfAnswer = (answer: JsonObject | undefined): string => {
  const id = answer?.['id'];
  if (typeof id === 'string') return id;
  throw new CrucibleError('internal', 'A stored answer names no memory');
};

/** Creating, changing and deleting one memory. */
export const createWrites = (deps: MemoryDeps): Pick<MemoryService, 'create' | 'update' | 'remove'> => {
  const { reader, write, newId, clock } = deps;
  return {
    async create(input, { idempotency } = {}) {
      const { world, actor } = callersOrigin();
      const draft = readDraft(inputDraft(input));
      const intended = [createdOf(newId('msg'), draft)];
      const answer = await write({ world, intended, idempotency }, async (plan, passed) => {
        const payload = payloadOf(passed, 'memory.created');
        const { id } = payload;
        const final = draftOfCreated(payload);
        plan.emit(createdOf(id, final));
        await addMemory(plan, final, { id, now: clock.now(), actor, ...(await writingAgent(deps, world)) });
        return { id };
      });
      return reader.detail(idOfAnswer(answer));
    },

    async update(id, input, { visible, idempotency } = {}) {
      const { world } = await reader.card(id, visible);
      // What the gate is asked about is the update of the memory as it is now; what is written is decided in its turn.
      const seen = await reader.detail(id, visible);
      const draft = readDraft(updated(seen, input));
      const intended: Proposal[] = [
        {
          type: 'memory.updated',
          payload: {
            id,
            previous_hash: seen.hash,
            new_hash: draft.hash,
            patch: patchBetween(seen, draft),
            title: titleOf(draft),
            tags: [...draft.found.tags],
          },
          subject: id,
        },
      ];
      await write({ world, intended, idempotency }, async (plan, passed) => {
        const { patch } = payloadOf(passed, 'memory.updated');
        await plan.load([id]);
        const card = await changeable(plan, id);
        assertNoFile(card);
        const before = await stored(plan, card);
        assertHash(card, before.hash, input.expected_hash);
        const asked = updated(before, input);
        const wanted = passed === intended ? asked : applyPatch(before, patch);
        await updateMemory(plan, card, wanted, { now: clock.now() });
        return { id };
      });
      return reader.detail(id, visible);
    },

    async remove(id, { visible, idempotency, reason } = {}) {
      const { world } = await reader.card(id, visible);
      const intended: Proposal[] = [deletedOf(id, undefined, reason)];
      await write({ world, intended, idempotency }, async (plan, passed) => {
        const { reason: why } = payloadOf(passed, 'memory.deleted');
        await plan.load([id]);
        const card = await plan.card(id);
        if (card !== undefined) assertNoFile(card);
        await removeMemory(plan, id, why);
        return { id };
      });
    },
  };
};

const updated = (before: Draft, input: MemoryUpdate): Draft => ({
  name: input.name === undefined ? before.name : input.name,
  content: input.content ?? before.content,
  metadata: input.metadata ?? before.metadata,
});

/** A memory as it is stored, for a patch. */
const stored = async (plan: MemoryPlan, card: CardRow): Promise<Draft & { readonly hash: string }> => {
  const row = await plan.memory(card.id);
  if (row === undefined)
    throw new CrucibleError('internal', `The memory ${card.id} has a card and no content`);
  return { name: card.name, content: contentOf(row), metadata: row.metadata, hash: row.hash };
};

const assertHash = (card: CardRow, hash: string, expected: string | undefined): void => {
  if (expected === undefined || expected === hash) return;
  throw new CrucibleError(
    'expectation_failed',
    `The memory ${card.id} has the hash ${hash}, not the expected one`,
    {
      hint: 'Read it again, and put your change onto what it says now.',
      issues: [{ path: 'expected_hash', message: `is not ${hash}` }],
    },
  );
};

/**
 * Rewrites a memory and tells it: the update with its patch, then the tags that came and went. Nothing differs: nothing
 * is written.
 */
export const updateMemory = async (
  plan: MemoryPlan,
  card: CardRow,
  wanted: Draft,
  changed: { readonly now: number; readonly file?: CardRow['file'] },
): Promise<void> => {
  const before = await stored(plan, card);
  const patch = patchBetween(before, wanted);
  const sameFile = changed.file === undefined || changed.file?.id === card.file?.id;
  if (patch.length === 0 && sameFile) return;
  const draft = readDraft(wanted);
  const after = await rewriteMemory(plan, card, draft, changed);
  if (patch.length === 0) return;
  const [had, has] = [tagsOf(card), tagsOf(after)];
  const { id } = card;
  plan.emit({
    type: 'memory.updated',
    payload: {
      id,
      previous_hash: before.hash,
      new_hash: draft.hash,
      patch,
      title: after.title,
      tags: [...has],
    },
    subject: id,
  });
  plan.emit(...tagEvents(id, had, has));
};

/** What came and went between two lists of tags. */
export const tagEvents = (
  id: string,
  had: readonly string[],
  has: readonly string[],
): readonly Proposal[] => {
  const event =
    (type: 'memory.tagged' | 'memory.untagged') =>
    (tag: string): Proposal => ({
      type,
      payload: { id, tag, tags: [...has] },
      subject: id,
    });
  return [
    ...had.filter((tag) => !has.includes(tag)).map(event('memory.untagged')),
    ...has.filter((tag) => !had.includes(tag)).map(event('memory.tagged')),
  ];
};

const deletedOf = (
  id: string,
  hash: string | undefined,
  reason: string | undefined,
): Extract<Proposal, { type: 'memory.deleted' }> => ({
  type: 'memory.deleted',
  payload: {
    id,
    ...(hash === undefined ? {} : { previous_hash: hash }),
    ...(reason === undefined ? {} : { reason }),
  },
  subject: id,
});

/** Takes a memory away and tells it; what is gone already is not told again. */
export const removeMemory = async (
  plan: MemoryPlan,
  id: string,
  reason: string | undefined,
): Promise<void> => {
  const card = await plan.card(id);
  if (card === undefined || card.state === 'removing') return;
  const row = await plan.memory(id);
  plan.emit(deletedOf(id, row?.hash, reason));
  await plan.remove(id);
};
