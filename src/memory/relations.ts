import { CrucibleError } from '../kernel/errors.ts';
import { named } from '../kernel/references.ts';
import type { Proposal } from '../state/change.ts';
import { assertSameWorld, changeable, firstAnswer, type MemoryDeps } from './dependencies.ts';
import type { MemoryService } from './memory.ts';
import { normaliseTag } from './names.ts';
import { noSuchMemory } from './reader.ts';
import { RESERVED_KINDS, tagsOf } from './state/edges.ts';
import type { MemoryPlan } from './state/plan.ts';
import type { CardRow } from './tables.ts';
import { tagEvents } from './writes.ts';
import { payloadOf } from './writing.ts';

const MAX_ADDED = 1_000;
const LINK_TYPE = /^[a-z][a-z0-9_-]{0,63}$/;
const DEFAULT_LINK_TYPE = 'related';

/** Links and tags that stand beside the text. The text keeps being the truth for those that stand in it. */
export const createRelations = (
  deps: MemoryDeps,
): Pick<MemoryService, 'link' | 'unlink' | 'tag' | 'untag'> => {
  const { reader, write } = deps;
  return {
    async link(id, { to, link_type: given = DEFAULT_LINK_TYPE, strength }, { visible, idempotency } = {}) {
      const { world } = await reader.card(id, visible);
      const kind = readLinkType(given);
      if (to === id) throw wrong('to', 'a memory cannot be linked to itself');
      if (strength !== undefined && !(strength > 0 && strength <= 1))
        throw wrong('strength', 'must be above 0 and at most 1');
      if ((await firstAnswer(deps, idempotency)) !== undefined) return reader.detail(id, visible);
      await assertSameWorld(deps, world, to, visible);
      const intended: Proposal[] = [linkEvent('memory.linked', id, to, kind)];
      await write({ world, intended, idempotency }, async (plan, passed) => {
        payloadOf(passed, 'memory.linked');
        const card = await changeable(plan, id);
        await named('to', () => linkable(plan, to));
        const others = card.added_links.filter((link) => !(link.to === to && link.kind === kind));
        const before = card.added_links.find((link) => link.to === to && link.kind === kind);
        if (before === undefined && others.length >= MAX_ADDED)
          throw wrong('to', `a memory has at most ${MAX_ADDED} links beside its text`);
        const weight = strength ?? before?.strength ?? null;
        if (before?.strength !== weight || before === undefined)
          await plan.setCard({ ...card, added_links: [...others, { to, kind, strength: weight }] });
        return { id };
      });
      return reader.detail(id, visible);
    },

    async unlink(id, { to, link_type: given = DEFAULT_LINK_TYPE }, { visible, idempotency } = {}) {
      const { world } = await reader.card(id, visible);
      const kind = given === 'links_to' ? given : readLinkType(given);
      if ((await firstAnswer(deps, idempotency)) !== undefined) return reader.detail(id, visible);
      await assertSameWorld(deps, world, to, visible);
      const intended: Proposal[] = [linkEvent('memory.unlinked', id, to, kind)];
      await write({ world, intended, idempotency }, async (plan, passed) => {
        payloadOf(passed, 'memory.unlinked');
        const card = await changeable(plan, id);
        const left = card.added_links.filter((link) => !(link.to === to && link.kind === kind));
        if (left.length < card.added_links.length) await plan.setCard({ ...card, added_links: left });
        else if (kind === 'links_to' && card.edges.some((edge) => edge.to === to && edge.kind === kind))
          throw inText('link', id);
        return { id };
      });
      return reader.detail(id, visible);
    },

    async tag(id, given, { visible, idempotency } = {}) {
      const tag = readTag(given);
      const { world } = await reader.card(id, visible);
      await write(
        { world, intended: [tagEvent('memory.tagged', id, tag)], idempotency },
        async (plan, passed) => {
          const wanted = readTag(payloadOf(passed, 'memory.tagged').tag);
          const card = await changeable(plan, id);
          if (tagsOf(card).includes(wanted)) return { id };
          if (card.added_tags.length >= MAX_ADDED)
            throw wrong('tag', `a memory has at most ${MAX_ADDED} tags beside its text`);
          await retag(plan, card, [...card.added_tags, wanted]);
          return { id };
        },
      );
      return reader.detail(id, visible);
    },

    async untag(id, given, { visible, idempotency } = {}) {
      const tag = readTag(given);
      const { world } = await reader.card(id, visible);
      const intended = [tagEvent('memory.untagged', id, tag)];
      await write({ world, intended, idempotency }, async (plan, passed) => {
        payloadOf(passed, 'memory.untagged');
        const card = await changeable(plan, id);
        if (card.text_tags.includes(tag)) throw inText('tag', id);
        const left = card.added_tags.filter((other) => other !== tag);
        if (left.length < card.added_tags.length) await retag(plan, card, left);
        return { id };
      });
      return reader.detail(id, visible);
    },
  };
};

const retag = async (plan: MemoryPlan, card: CardRow, added: readonly string[]): Promise<void> => {
  const after = { ...card, added_tags: added };
  await plan.setCard(after);
  plan.emit(...tagEvents(card.id, tagsOf(card), tagsOf(after)));
};

/** What a link may lead to: a memory of the plan's world that did not go into another. */
const linkable = async (plan: MemoryPlan, to: string): Promise<void> => {
  const target = await plan.card(to);
  if (target === undefined || target.state === 'removing') throw noSuchMemory(to);
  if (target.state === 'consolidated')
    throw new CrucibleError('conflict', `The memory ${to} went into ${target.into ?? 'another'}`, {
      hint: `Link to ${target.into ?? 'that'} instead.`,
    });
};

const wrong = (path: string, message: string, hint?: string): CrucibleError =>
  new CrucibleError('invalid', `${path}: ${message}`, {
    issues: [{ path, message, ...(hint === undefined ? {} : { hint }) }],
  });

const inText = (what: 'tag' | 'link', id: string): CrucibleError =>
  new CrucibleError(
    'conflict',
    `The ${what} stands in the text of ${id}, and stays as long as it stands there`,
    {
      hint: `Change the content to take the ${what} away.`,
    },
  );

/** @throws CrucibleError `invalid` */
export const readTag = (given: string): string => {
  const tag = given.startsWith('#') ? normaliseTag(given) : undefined;
  if (tag !== undefined) return tag;
  const hint = given.startsWith('#')
    ? 'Letters, digits, "_", "-" and "/", not digits alone.'
    : `Write #${given}.`;
  throw wrong('tag', `${JSON.stringify(given.slice(0, 60))} is not a tag such as #important`, hint);
};

const readLinkType = (given: string): string => {
  if (!LINK_TYPE.test(given)) throw wrong('link_type', 'must be lower-case letters, digits, "_" and "-"');
  if (RESERVED_KINDS.has(given)) throw wrong('link_type', `${given} is what the graph says by itself`);
  return given;
};

const linkEvent = (
  type: 'memory.linked' | 'memory.unlinked',
  id: string,
  target: string,
  kind: string,
): Proposal => ({ type, payload: { id, target, kind }, subject: id });

const tagEvent = (type: 'memory.tagged' | 'memory.untagged', id: string, tag: string): Proposal => ({
  type,
  payload: { id, tag },
  subject: id,
});
