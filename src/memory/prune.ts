import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Records } from '../log/records.ts';
import { cardsByAge, readCards, taggedWith } from './candidates.ts';
import type { MemoryDeps } from './dependencies.ts';
import type { MemoryService, PruneAnswer, PruneInput } from './memory.ts';
import { readTag } from './relations.ts';
import { tagsOf } from './state/edges.ts';
import { oldestKey, type CardRow } from './tables.ts';
import { removeMemory } from './writes.ts';
import { callersOrigin, payloadOf } from './writing.ts';

/** What a commit can tell: a memory that goes takes its edges along, each with an event. */
const MAX_EDGES = 300;

/** Takes the oldest memories away that fit, and tells each of them, and all of them. */
export const createPrune = (deps: MemoryDeps): MemoryService['prune'] => {
  const { log, write } = deps;

  return async (input, { idempotency } = {}) => {
    checkInput(input);
    const rule = { ...input, tags: (input.tags ?? []).map(readTag) };
    const { world } = callersOrigin();
    if (input.dry_run) {
      const found = await candidates(log.records, world, rule);
      await log.settled();
      return answerOf(found, true);
    }
    const reason = input.reason ?? describe(rule);
    const intended = [prunedOf([], reason)];
    const answer = await write({ world, intended, idempotency }, async (plan, passed) => {
      const { reason: why } = payloadOf(passed, 'memory.pruned');
      const found = await candidates(log.records, world, rule);
      if (found.cards.length > 0) {
        const ids = found.cards.map(({ id }) => id);
        await plan.load(ids);
        plan.emit(prunedOf(ids, why));
        for (const id of ids) await removeMemory(plan, id, 'pruned');
      }
      return answerOf(found, false) as unknown as JsonObject;
    });
    return answer as unknown as PruneAnswer;
  };
};

interface Rule extends PruneInput {
  readonly tags: readonly string[];
}

interface Found {
  readonly cards: readonly CardRow[];
  readonly more: boolean;
}

const checkInput = ({ older_than: olderThan, tags = [] }: PruneInput): void => {
  if (olderThan !== undefined || tags.length > 0) return;
  const message = 'give `older_than`, `tags`, or both: a prune without a rule would take everything';
  throw new CrucibleError('invalid', message, { issues: [{ path: '', message }] });
};

const candidates = async (records: Records, world: string, rule: Rule): Promise<Found> => {
  const cards: CardRow[] = [];
  let edges = 0;
  for await (const page of pages(records, world, rule)) {
    for (const card of page) {
      if (!fits(card, rule)) continue;
      edges += card.edges.length;
      if (cards.length >= rule.max || (cards.length > 0 && edges > MAX_EDGES)) return { cards, more: true };
      cards.push(card);
    }
  }
  return { cards, more: false };
};

/** With tags by the first of them, else by age. */
async function* pages(records: Records, world: string, rule: Rule): AsyncGenerator<readonly CardRow[]> {
  const [tag] = rule.tags;
  if (tag === undefined) {
    const upTo = rule.older_than === undefined ? {} : { upTo: oldestKey(rule.older_than) };
    yield* cardsByAge(records, world, 'oldest', upTo, 200);
    return;
  }
  for await (const ids of taggedWith(records, world, tag)) yield readCards(records, ids);
}

const fits = (card: CardRow, { older_than: olderThan, tags }: Rule): boolean => {
  const has = new Set(tagsOf(card));
  return (
    card.state === 'active' &&
    card.file === null &&
    (olderThan === undefined || card.updated_at < olderThan) &&
    tags.every((tag) => has.has(tag))
  );
};

const describe = ({ older_than: olderThan, tags }: Rule): string =>
  [
    ...(olderThan === undefined ? [] : [`not changed since ${new Date(olderThan).toISOString()}`]),
    ...(tags.length === 0 ? [] : [`tagged ${tags.join(' ')}`]),
  ].join(', ');

const answerOf = ({ cards, more }: Found, dryRun: boolean): PruneAnswer => ({
  ids: cards.map(({ id }) => id),
  count: cards.length,
  dry_run: dryRun,
  more,
});

const prunedOf = (ids: readonly string[], reason: string) => ({
  type: 'memory.pruned' as const,
  payload: { ids: [...ids], count: ids.length, reason },
  subject: 'memory',
});
