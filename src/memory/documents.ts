import type { Clock } from '../kernel/clock.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Records } from '../log/records.ts';
import type { Change, GraphNode } from '../state/change.ts';
import { addMemory, readDraft } from './draft.ts';
import { normaliseName } from './names.ts';
import { createPlan, type MemoryPlan } from './state/plan.ts';
import { createdOf, removeMemory, updateMemory, writingAgent } from './writes.ts';
import type { IsAgent } from './dependencies.ts';
import { callersOrigin } from './writing.ts';

/**
 * What happens to documents, as the files say it (`src/files/documents.ts`, which this fits without importing it).
 */
type DocumentChange =
  | {
      readonly op: 'create' | 'update';
      readonly id: string;
      readonly name: string;
      readonly content: string;
      readonly metadata: JsonObject;
      readonly fileNode: GraphNode;
    }
  | { readonly op: 'remove'; readonly id: string; readonly reason: string };

/** Events of the files themselves that go into the same commit, for each change. */
const RESERVED_EVENTS = 6;

/**
 * Memories of Markdown files. A plan is a part of somebody else's change; what does not fit into it follows by itself
 * once it is committed.
 * @throws CrucibleError by `plan`: `invalid`, `payload_too_large` for a document that cannot be a memory
 */
export const createDocuments = (deps: {
  readonly records: Records;
  readonly clock: Clock;
  readonly isAgent: IsAgent;
}): { plan(changes: readonly DocumentChange[], world: string): Promise<Change> } => ({
  async plan(changes, world) {
    const origin = { ...callersOrigin(), world };
    const plan = createPlan({ records: deps.records, world, origin }, changes.length * RESERVED_EVENTS);
    await plan.load(changes.map(({ id }) => id));
    for (const change of changes) {
      if (change.op === 'remove') await removeMemory(plan, change.id, change.reason);
      else await takeOver(deps, plan, change, origin.actor);
    }
    return (await plan.finish()).change;
  },
});

const takeOver = async (
  deps: { readonly clock: Clock; readonly isAgent: IsAgent },
  plan: MemoryPlan,
  change: Exclude<DocumentChange, { op: 'remove' }>,
  actor: string,
): Promise<void> => {
  const { id, content, metadata, fileNode } = change;
  // A file may be called what no link can name; it is a memory all the same.
  const name = normaliseName(change.name) === undefined ? null : change.name;
  const file = { id: fileNode.id, label: fileNode.label ?? null };
  const card = await plan.card(id);
  if (card !== undefined && card.state === 'active') {
    await updateMemory(plan, card, { content, metadata, name }, { now: deps.clock.now(), file });
    return;
  }
  const draft = readDraft({ content, metadata, name });
  plan.emit(createdOf(id, draft));
  const agent = await writingAgent(deps, plan.world);
  await addMemory(plan, draft, { id, now: deps.clock.now(), actor, file, ...agent });
};
