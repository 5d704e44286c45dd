import { CrucibleError } from '../kernel/errors.ts';
import { allNamed } from '../kernel/references.ts';
import type { Proposal } from '../state/change.ts';
import { assertNoFile, changeable, firstAnswer, type MemoryDeps } from './dependencies.ts';
import { addMemory, readDraft } from './draft.ts';
import { partNote } from './markdown/note-front-matter.ts';
import type { ConsolidateInput, ConsolidationStrategy, MemoryService } from './memory.ts';
import { contentOf } from './reader.ts';
import { namesOf, tagsOf } from './state/edges.ts';
import type { MemoryPlan } from './state/plan.ts';
import type { CardRow, MemoryRow } from './tables.ts';
import { createdOf, draftOfCreated, idOfAnswer, writingAgent } from './writes.ts';
import { callersOrigin, payloadOf } from './writing.ts';

interface Source {
  readonly card: CardRow;
  readonly row: MemoryRow;
}

const byAge = (a: Source, b: Source): number =>
  a.card.created_at - b.card.created_at || (a.card.id < b.card.id ? -1 : 1);

/** What the memories say together. */
const consolidatedContent = (strategy: ConsolidationStrategy, contents: readonly string[]): string => {
  const texts = [...contents];
  switch (strategy) {
    case 'newest':
      return texts.at(-1) ?? '';
    case 'longest':
      return texts.reduce((longest, text) => (text.length > longest.length ? text : longest), '');
    case 'join':
      // Front matter in the middle of a text would be text.
      return texts.map((text) => partNote(text.replaceAll('\r\n', '\n')).body.trim()).join('\n\n');
  }
};

/**
 * Makes one memory of several. Those that went into it are marked, not removed: they can be read by their id and say into
 * which they went, and the graph has an edge `consolidated_from` to each; no query finds them any more. The new memory
 * takes over their names, their tags, and the links that were added to and from them.
 */
export const createConsolidate = (deps: MemoryDeps): MemoryService['consolidate'] => {
  const { reader, write, newId, clock } = deps;

  const worldOf = async (
    given: readonly string[],
    visible: readonly string[] | undefined,
  ): Promise<string> => {
    const cards = await eachOf(given, (id) => reader.card(id, visible));
    const worlds = [...new Set(cards.map(({ world }) => world))];
    const [world] = worlds;
    if (world !== undefined && worlds.length === 1) return world;
    const message = `the memories lie in several worlds: ${worlds.join(', ')}`;
    throw new CrucibleError('invalid', message, { issues: [{ path: 'ids', message }] });
  };

  return async (input, { visible, idempotency } = {}) => {
    const ids = [...new Set(input.ids)];
    checkInput(input, ids);
    const first = await firstAnswer(deps, idempotency);
    if (first !== undefined) return reader.detail(idOfAnswer(first), visible);
    const world = await worldOf(input.ids, visible);
    const { actor } = callersOrigin();
    const id = newId('msg');
    const seen = await eachOf(input.ids, (source) => reader.detail(source, visible));
    const eldestFirst = seen.toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
    const draft = readDraft({
      content:
        input.content ??
        consolidatedContent(
          input.strategy ?? 'join',
          eldestFirst.map(({ content }) => content),
        ),
      metadata: input.metadata ?? Object.assign({}, ...eldestFirst.map(({ metadata }) => metadata)),
      name: input.name ?? null,
    });
    const intended: Proposal[] = [consolidatedOf(id, ids, input.summary), createdOf(id, draft)];

    const answer = await write({ world, intended, idempotency }, async (plan, passed) => {
      const { summary } = payloadOf(passed, 'memory.consolidated');
      const final = draftOfCreated(payloadOf(passed, 'memory.created', 1));
      const sources = (await sourcesOf(plan, input.ids)).toSorted(byAge);
      assertUnchanged(sources, seen);
      for (const { card, row } of sources) {
        const { content = '', former_content: _none, ...kept } = row;
        await plan.setMemory({ ...kept, former_content: content });
        await plan.setCard({ ...card, state: 'consolidated', into: id });
      }
      const addedTags = [...new Set(sources.flatMap(({ card }) => tagsOf(card)))].filter(
        (tag) => !final.found.tags.includes(tag),
      );
      plan.emit(createdOf(id, final, addedTags), consolidatedOf(id, ids, summary));
      await addMemory(plan, final, {
        id,
        actor,
        now: clock.now(),
        inherited: [...new Set(sources.flatMap(({ card }) => namesOf(card)))],
        addedTags,
        addedLinks: outgoing(sources, ids),
        sources: ids,
        ...(await writingAgent(deps, world)),
      });
      return { id };
    });
    return reader.detail(idOfAnswer(answer), visible);
  };
};

const checkInput = (input: ConsolidateInput, ids: readonly string[]): void => {
  const issues = [
    ...(ids.length < 2 || ids.length > 50
      ? [{ path: 'ids', message: 'must name 2 to 50 different memories' }]
      : []),
    ...(input.content !== undefined && input.strategy !== undefined
      ? [{ path: 'strategy', message: 'says nothing beside `content`', hint: 'Give one of the two.' }]
      : []),
  ];
  const [first] = issues;
  if (first !== undefined) throw new CrucibleError('invalid', `${first.path} ${first.message}`, { issues });
};

/** Each memory once, under the place where it was first given. @throws CrucibleError `invalid` for those that are not there */
const eachOf = <T>(given: readonly string[], look: (id: string) => Promise<T>): Promise<T[]> =>
  allNamed([...new Set(given)].map((id) => [`ids.${given.indexOf(id)}`, () => look(id)]));

const sourcesOf = async (plan: MemoryPlan, given: readonly string[]): Promise<readonly Source[]> => {
  await plan.load([...new Set(given)]);
  return eachOf(given, async (id) => {
    const card = await changeable(plan, id);
    assertNoFile(card);
    const row = await plan.memory(id);
    if (row === undefined) throw new CrucibleError('internal', `The memory ${id} has a card and no content`);
    return { card, row };
  });
};

/** What the new memory says was made of what they said then. */
const assertUnchanged = (
  sources: readonly Source[],
  seen: readonly { readonly id: string; readonly content: string }[],
): void => {
  const contents = new Map(seen.map(({ id, content }) => [id, content]));
  const other = sources.find(({ card, row }) => contents.get(card.id) !== contentOf(row));
  if (other !== undefined)
    throw new CrucibleError('conflict', `The memory ${other.card.id} was changed while it was consolidated`, {
      hint: 'Send the request again.',
    });
};

/** The links that were added to them, each once, without those among themselves. */
const outgoing = (sources: readonly Source[], ids: readonly string[]): CardRow['added_links'] => {
  const links = new Map<string, CardRow['added_links'][number]>();
  for (const link of sources.flatMap(({ card }) => card.added_links)) {
    const key = `${link.kind}\n${link.to}`;
    if (!ids.includes(link.to) && !links.has(key)) links.set(key, link);
  }
  return [...links.values()];
};

const consolidatedOf = (id: string, merged: readonly string[], summary: string | undefined): Proposal => ({
  type: 'memory.consolidated',
  payload: { id, merged: [...merged], ...(summary === undefined ? {} : { summary }) },
  subject: id,
});
