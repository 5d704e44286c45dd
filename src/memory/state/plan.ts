import type { Origin } from '../../kernel/origin.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Mutation, Records } from '../../log/records.ts';
import type { Change, GraphChange, Proposal } from '../../state/change.ts';
import {
  CARD_TABLE,
  MEMORY_TABLE,
  newestKey,
  oldestKey,
  REFERENCE_TABLE,
  TAG_TABLE,
  WORK_TABLE,
  WORLD_TABLE,
  type CardRow,
  type MemoryRow,
  type ReferenceRow,
  type TagRow,
  type WorkRow,
  type WorldRow,
} from '../tables.ts';
import { namesOf, referencesOf, stepEdges, tagsOf, wantedEdges } from './edges.ts';
import { createNameBook } from './name-book.ts';
import { createStage } from './stage.ts';

/** A commit holds 1,024 events; an edge that comes or goes may make two, and the rest leaves room for the callers' own. */
const MAX_EVENTS = 880;
const EVENTS_AN_EDGE = 2;
/** More edges than this and a memory's node is taken away in steps. */
const EDGES_AT_ONCE = 400;
/** Referrers that are read at a time. */
const PAGE = 100;

/**
 * A change of the memories of one world while it is being decided: what it reads is the state as the change will leave
 * it. Cards are set; names, tags, references and the edges of the graph follow from them.
 *
 * An edge follows from what the text says and whom names mean, so that one new name may move thousands of edges. As many
 * as fit go with the change; for the others it leaves rows of work, which are done in transactions of their own
 * (`mender.ts`). Until then a memory is never wrong, only its edges are late.
 */
export interface MemoryPlan {
  readonly world: string;
  /** Undefined also for one of another world. */
  card(id: string): Promise<CardRow | undefined>;
  memory(id: string): Promise<MemoryRow | undefined>;
  /** Reads many at once. */
  load(ids: readonly string[]): Promise<void>;
  /** Reads in one go what it takes to set this card, whether there is one of its id already or not. */
  expect(card: CardRow): Promise<void>;
  setMemory(row: MemoryRow): Promise<void>;
  setCard(card: CardRow): Promise<void>;
  /** Takes a memory away. */
  remove(id: string): Promise<void>;
  emit(...events: readonly Proposal[]): void;
  /** Goes on with work that an earlier change has left. */
  resume(work: WorkRow): Promise<void>;
  /** @returns the change, and the ids of the work that is left */
  finish(): Promise<{ readonly change: Change; readonly work: readonly string[] }>;
}

/** @param reserve events of the caller's own that go into the same commit */
export const createPlan = (
  deps: { readonly records: Records; readonly world: string; readonly origin: Origin },
  reserve = 0,
): MemoryPlan => {
  const { records, world, origin } = deps;
  const memories = createStage<MemoryRow>(records, MEMORY_TABLE.name);
  const cards = createStage<CardRow>(records, CARD_TABLE.name);
  const tags = createStage<TagRow>(records, TAG_TABLE.name);
  const references = createStage<ReferenceRow>(records, REFERENCE_TABLE.name);
  const works = createStage<WorkRow>(records, WORK_TABLE.name);
  const names = createNameBook(records, world);
  const events: Proposal[] = [];
  const nodes: GraphChange[] = [];
  const edges: GraphChange[] = [];
  const goneNodes: GraphChange[] = [];
  /** Memories whose edges are to be looked at, and keys of references whose referrers are. */
  const own = new Set<string>();
  const keys = new Set<string>();
  let members = 0;
  let resumed: WorkRow | undefined;

  const ofWorld = <R extends { readonly world: string }>(row: R | undefined): R | undefined =>
    row?.world === world ? row : undefined;
  const card = async (id: string): Promise<CardRow | undefined> => ofWorld(await cards.get(id));

  /** By the key of the reference. */
  const firstPages = new Map<string, Promise<readonly ReferenceRow[]>>();
  const referrersPage = async (key: string, after: string | null): Promise<readonly ReferenceRow[]> =>
    (await records.byIndex({
      table: REFERENCE_TABLE.name,
      index: 'memory_reference_key',
      equals: [world, key],
      limit: PAGE,
      ...(after === null ? {} : { after }),
    })) as readonly ReferenceRow[];
  /** The first page of whom a reference comes from, read once: what this change does is put over it. */
  const firstReferrers = (key: string): Promise<readonly ReferenceRow[]> => {
    const page = firstPages.get(key) ?? referrersPage(key, null);
    firstPages.set(key, page);
    return page;
  };

  const expect = async (after: CardRow): Promise<void> => {
    const { id } = after;
    const before = cards.known(id);
    const has = namesOf(after);
    const had = before === undefined ? [] : namesOf(before);
    // Of tags and references those that go are read. What is to come is not there: a card's rows come and go with what
    // it says, in the same transaction.
    const [tagsLeft, keysLeft] = [new Set(listedTags(after)), new Set(referencesOf(after))];
    const tagsGone = listedTags(before).filter((tag) => !tagsLeft.has(tag));
    const keysGone = before === undefined ? [] : referencesOf(before).filter((key) => !keysLeft.has(key));
    await Promise.all([
      cards.load([id, ...after.added_links.map(({ to }) => to), ...after.sources]),
      names.load([...has, ...had, ...linkNames(after)]),
      tags.load(tagsGone.map((tag) => `${world}/${tag}/${id}`)),
      references.load(keysGone.map((key) => `${world}/${key}/${id}`)),
      ...has.filter((name) => !had.includes(name)).map((name) => firstReferrers(`n:${name}`)),
    ]);
  };

  /** Brings rows that follow from a card in step: those of `before` that `after` lacks go, the new ones come. */
  const follow = async (
    before: readonly string[],
    after: readonly string[],
    change: { readonly go: (key: string) => Promise<void>; readonly come: (key: string) => Promise<void> },
  ): Promise<void> => {
    const [had, has] = [new Set(before), new Set(after)];
    for (const key of before) if (!has.has(key)) await change.go(key);
    for (const key of after) if (!had.has(key)) await change.come(key);
  };

  const followCard = async (
    id: string,
    before: CardRow | undefined,
    after: CardRow | undefined,
  ): Promise<void> => {
    await follow(before === undefined ? [] : namesOf(before), after === undefined ? [] : namesOf(after), {
      go: async (name) => {
        if (await names.remove(name, id)) keys.add(`n:${name}`);
      },
      come: async (name) => {
        if (await names.add(name, id, after?.created_at ?? 0)) keys.add(`n:${name}`);
      },
    });
    await follow(listedTags(before), listedTags(after), {
      go: (tag) => tags.set(`${world}/${tag}/${id}`, undefined),
      come: async (tag) => {
        const row = `${world}/${tag}/${id}`;
        tags.absent(row);
        await tags.set(row, { id: row, world, tag, memory: id });
      },
    });
    await follow(
      before === undefined ? [] : referencesOf(before),
      after === undefined ? [] : referencesOf(after),
      {
        go: (key) => references.set(`${world}/${key}/${id}`, undefined),
        come: async (key) => {
          const row = `${world}/${key}/${id}`;
          references.absent(row);
          await references.set(row, { id: row, world, key, from: id });
        },
      },
    );
  };

  const setCard = async (given: CardRow): Promise<void> => {
    await expect(given);
    const before = await cards.get(given.id);
    const found = given.state === 'active';
    const after: CardRow = {
      ...given,
      listed: given.state === 'removing' ? null : given.id,
      newest: found ? newestKey(given.updated_at, given.id) : null,
      oldest: found ? oldestKey(given.updated_at, given.id) : null,
    };
    if (before === undefined || before.title !== after.title)
      nodes.push({
        op: 'add_node',
        node: { id: after.id, kind: 'memory', label: after.title },
        // The node goes with the card.
        ...(before === undefined ? { fresh: true } : {}),
      });
    if (before === undefined || before.state === 'removing') members += 1;
    if (before?.state === 'active' && after.state !== 'active') keys.add(`m:${after.id}`);
    await followCard(after.id, before, after);
    await cards.set(after.id, after);
    own.add(after.id);
  };

  const remove = async (id: string): Promise<void> => {
    const before = await card(id);
    if (before === undefined || before.state === 'removing') return;
    await memories.set(id, undefined);
    await setCard({ ...before, state: 'removing', into: null });
    members -= 1;
    keys.add(`m:${id}`);
  };

  /** Links and sources of a card that lead to what is gone are dropped; those to what went into another follow it. */
  const mended = async (row: CardRow): Promise<CardRow> => {
    await cards.load([...row.added_links.map(({ to }) => to), ...row.sources]);
    const links: CardRow['added_links'][number][] = [];
    for (const link of row.added_links) {
      const to = await successorOf(link.to);
      const again = links.some((other) => other.to === to && other.kind === link.kind);
      if (to !== undefined && to !== row.id && !again) links.push({ ...link, to });
    }
    const sources: string[] = [];
    for (const source of row.sources) {
      const state = (await card(source))?.state;
      if (state !== undefined && state !== 'removing') sources.push(source);
    }
    const same =
      sources.length === row.sources.length &&
      links.length === row.added_links.length &&
      links.every(({ to }, i) => to === row.added_links[i]?.to);
    return same ? row : { ...row, added_links: links, sources };
  };

  const successorOf = async (id: string): Promise<string | undefined> => {
    let at: string | null = id;
    for (let hops = 0; at !== null && hops < 64; hops += 1) {
      const row: CardRow | undefined = await card(at);
      if (row === undefined || row.state === 'removing') return undefined;
      if (row.state === 'active') return at;
      at = row.into;
    }
    return undefined;
  };

  /** @returns whether the edges are as they should be; else there was no room */
  const settle = async (id: string, room: { left: number }): Promise<boolean> => {
    const row = await card(id);
    if (row === undefined) return true;
    const whole = await mended(row);
    if (whole !== row) await followCard(id, row, whole);
    const owners = new Map<string, string>();
    const asked = linkNames(whole);
    await names.load(asked);
    for (const name of asked) {
      const owner = await names.ownerOf(name);
      if (owner !== undefined) owners.set(name, owner);
    }
    const wanted = wantedEdges(whole, (name) => owners.get(name));
    const step = stepEdges(whole, wanted, room.left);
    room.left = Math.max(0, room.left - step.graph.length);
    edges.push(...step.graph);
    if (row.state !== 'removing') events.push(...step.events);
    const unchanged = whole === row && step.graph.length === 0;
    if (!unchanged) await cards.set(id, { ...whole, edges: step.edges });
    return step.done;
  };

  /** Takes a node away once nothing is left that points to it: its own edges go with it. */
  const removeNode = async (id: string, room: { left: number }): Promise<boolean> => {
    const row = await card(id);
    if (row === undefined) return true;
    if (row.edges.length > EDGES_AT_ONCE || row.edges.length > room.left) {
      await settle(id, room);
      return false;
    }
    room.left -= row.edges.length;
    await cards.set(id, undefined);
    goneNodes.push({ op: 'remove_node', id });
    return true;
  };

  const leave = async (key: string, after: string | null = null): Promise<string> => {
    const id = `${world}/${key}`;
    await works.set(id, { id, world, key, after, origin: origin as unknown as JsonObject });
    return id;
  };

  const settleReferrers = async (
    key: string,
    from: string | null,
    room: { left: number },
  ): Promise<string | undefined> => {
    let after = from;
    for (;;) {
      const rows = await (after === null ? firstReferrers(key) : referrersPage(key, after));
      await cards.load(rows.map((row) => row.from));
      for (const row of references.seen(rows)) {
        if (own.has(row.from)) continue;
        if (!(await settle(row.from, room))) return leave(key, after);
        after = row.from;
      }
      after = rows.at(-1)?.from ?? after;
      if (rows.length < PAGE) return undefined;
    }
  };

  const guardWorld = async (): Promise<Mutation> => {
    const table = WORLD_TABLE.name;
    const row = (await records.get(table, world)) as WorldRow | undefined;
    if (row === undefined) return { op: 'create', table, row: { id: world, memories: members, revision: 1 } };
    return {
      op: 'patch',
      table,
      id: world,
      when: { revision: row.revision },
      set: { memories: row.memories + members, revision: row.revision + 1 },
    };
  };

  return {
    world,
    card,
    memory: async (id) => ofWorld(await memories.get(id)),
    async load(ids) {
      await Promise.all([cards.load(ids), memories.load(ids)]);
    },
    expect,
    async setMemory(row) {
      // The content goes with the card, or before it.
      if ((await cards.get(row.id)) === undefined) memories.absent(row.id);
      await memories.set(row.id, row);
    },
    setCard,
    remove,
    emit: (...given) => void events.push(...given),

    async resume(work) {
      resumed = work;
      await works.load([work.id]);
      await works.set(work.id, undefined);
    },

    async finish() {
      const spent = reserve + events.length + nodes.length + 2 * own.size;
      const room = { left: Math.max(0, Math.floor((MAX_EVENTS - spent) / EVENTS_AN_EDGE)) };
      const work: string[] = [];
      const whole = resumed?.key.startsWith(SELF) === true ? resumed.key.slice(SELF.length) : undefined;
      const mine = [...new Set([...own, ...(whole === undefined ? [] : [whole])])];
      await cards.load(mine);
      const rows = (await Promise.all(mine.map(card))).filter((row) => row !== undefined);
      await names.load(rows.flatMap(linkNames));

      for (const { id, state } of rows)
        if (state !== 'removing' && !(await settle(id, room))) work.push(await leave(SELF + id));
      const pending = new Map<string, string | null>([...keys].map((key) => [key, null]));
      if (resumed !== undefined && whole === undefined) pending.set(resumed.key, resumed.after);
      await Promise.all(
        [...pending].flatMap(([key, after]) => (after === null ? [firstReferrers(key)] : [])),
      );
      for (const [key, after] of pending) {
        const left = await settleReferrers(key, after, room);
        if (left !== undefined) work.push(left);
      }
      // A node goes last: what points to it is told before, and is too much for one commit if much points to it.
      const late = work.length > 0;
      for (const { id, state } of rows)
        if (state === 'removing' && (late || !(await removeNode(id, room))))
          work.push(await leave(SELF + id));
      const mutations = [
        ...memories.mutations(),
        ...cards.mutations(),
        ...tags.mutations(),
        ...references.mutations(),
        ...names.mutations(),
        ...works.mutations(),
      ];
      if (mutations.length === 0 && events.length === 0)
        return { change: { events: [], mutations: [] }, work };
      return {
        change: {
          events,
          mutations: [await guardWorld(), ...mutations],
          graph: [...nodes, ...edges, ...goneNodes],
        },
        work,
      };
    },
  };
};

const listedTags = (card: CardRow | undefined): readonly string[] =>
  card?.state === 'active' ? tagsOf(card) : [];

/** What the links of a card ask for. */
const linkNames = ({ links }: CardRow): readonly string[] =>
  links.flatMap(({ name, other }) => (other === null ? [name] : [name, other]));

/** Begins the key of work on a memory's own edges; the others are keys of references, which sort before it. */
const SELF = 'self:';
