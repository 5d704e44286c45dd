import * as fc from 'fast-check';
import { newId } from '../../src/kernel/ids.ts';
import type { FileStep, Operation } from './operations.ts';

export const WORLDS = ['default', 'lab'];
const NAMES = ['Attention', 'Tea', 'Deep Learning', 'Ünïcode', 'x/Tea'];
const TAGS = ['#ai', '#area/sub', '#later'];
const AGENTS = ['alpha', 'beta'];
const ROOMS = ['research', 'lounge'];
const PATHS = ['Tea.md', 'Attention.md', 'notes/Tea.md', 'notes/deep/Other.md', 'picture.png', 'notes'];

/** Picks one of the memories that there are by then. */
export interface Pick {
  readonly pick: number;
}
const pick = (): fc.Arbitrary<Pick> => fc.record({ pick: fc.nat(30) });

/** An operation in which memories are picked, not named. */
export type Plan = (memories: (world: string, pick: Pick) => string) => Operation;

const world = fc.oneof(
  { weight: 3, arbitrary: fc.constant('default') },
  { weight: 1, arbitrary: fc.constant('lab') },
);
const by = fc.option(fc.constantFrom(...AGENTS), { nil: undefined, freq: 4 });
const name = fc.option(fc.constantFrom(...NAMES), { nil: null });
const metadata = fc.dictionary(
  fc.constantFrom('a', 'b/c', 'd~e'),
  fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(null), fc.constant({ deep: [1] })),
  { maxKeys: 3 },
);

const content = fc
  .record({
    title: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
    links: fc.array(fc.constantFrom(...NAMES, 'Nobody'), { maxLength: 4 }),
    tags: fc.array(fc.constantFrom(...TAGS), { maxLength: 2 }),
    alias: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
    people: fc.option(fc.constantFrom('Ada', 'Tea'), { nil: undefined }),
    body: fc.constantFrom('', 'words', 'more words\n\n```\n#code\n```\n'),
  })
  .map(({ title, links, tags, alias, people, body }) =>
    [
      ...(alias === undefined && people === undefined
        ? []
        : [
            '---',
            ...(alias === undefined ? [] : [`aliases: [${alias}]`]),
            ...(people === undefined ? [] : [`people: [${people}]`]),
            '---',
          ]),
      ...(title === undefined ? [] : [`# ${title}`]),
      `${body} ${links.map((link) => `[[${link}]]`).join(' ')} ${tags.join(' ')}`,
    ].join('\n'),
  );

const put = fc.record({ put: fc.constantFrom(...PATHS.slice(0, 5)), content });
const path = fc.constantFrom(...PATHS);
const fileStep: fc.Arbitrary<FileStep> = fc.oneof(
  { weight: 4, arbitrary: put },
  fc.record({ spoil: fc.constantFrom('Tea.md', 'notes/Tea.md') }),
  fc.record({ move: path, to: path }),
  fc.record({ remove: path }),
  {
    weight: 2,
    arbitrary: fc.record({
      touch: fc.constantFrom('Tea.md', 'picture.png'),
      second: fc.integer({ min: 1_000, max: 9_000 }),
    }),
  },
);

/** Gives an arbitrary operation without memories the shape of one with. */
const plain = (operation: fc.Arbitrary<Operation>): fc.Arbitrary<Plan> => operation.map((made) => () => made);

/** A record with a world. */
const one = <T extends object>(fields: {
  [Key in keyof T]: fc.Arbitrary<T[Key]>;
}): fc.Arbitrary<T & { readonly world: string }> =>
  fc.tuple(world, fc.record<T>(fields)).map(([where, rest]) => Object.assign(rest, { world: where }));

const memoryPlans: readonly fc.Arbitrary<Plan>[] = [
  one({ by, content, name, metadata }).map(({ by: agent, ...rest }): Plan => () => ({
    do: 'create',
    ...(agent !== undefined && { by: agent }),
    ...rest,
  })),
  one({
    which: pick(),
    content: fc.option(content, { nil: undefined }),
    name: fc.option(name, { nil: undefined }),
    metadata: fc.option(metadata, { nil: undefined }),
  }).map((given): Plan => (memory) => ({
    do: 'update',
    world: given.world,
    id: memory(given.world, given.which),
    ...(given.content !== undefined && { content: given.content }),
    ...(given.name !== undefined && { name: given.name }),
    ...(given.metadata !== undefined && { metadata: given.metadata }),
  })),
  one({ which: pick(), what: fc.constantFrom('get' as const, 'remove' as const) }).map(
    ({ world: in_, which, what }): Plan =>
      (memory) => ({ do: what, world: in_, id: memory(in_, which) }),
  ),
  one({
    which: pick(),
    other: pick(),
    kind: fc.constantFrom('related', 'cites'),
    strength: fc.constantFrom(null, 0.25, 1),
  }).map(({ world: in_, which, other, ...rest }): Plan => (memory) => ({
    do: 'link',
    world: in_,
    id: memory(in_, which),
    to: memory(in_, other),
    ...rest,
  })),
  one({ which: pick(), other: pick(), kind: fc.constantFrom('related', 'cites') }).map(
    ({ world: in_, which, other, kind }): Plan =>
      (memory) => ({ do: 'unlink', world: in_, id: memory(in_, which), to: memory(in_, other), kind }),
  ),
  one({
    which: pick(),
    tag: fc.constantFrom(...TAGS),
    what: fc.constantFrom('tag' as const, 'tag' as const, 'untag' as const),
  }).map(({ world: in_, which, tag, what }): Plan => (memory) => ({
    do: what,
    world: in_,
    id: memory(in_, which),
    tag,
  })),
  one({
    picks: fc.array(pick(), { minLength: 2, maxLength: 3 }),
    strategy: fc.constantFrom('join' as const, 'newest' as const, 'longest' as const),
  }).map(({ world: in_, picks, strategy }): Plan => (memory) => ({
    do: 'consolidate',
    world: in_,
    ids: picks.map((which) => memory(in_, which)),
    strategy,
  })),
  plain(
    one({
      do: fc.constant('prune' as const),
      tag: fc.constantFrom(...TAGS),
      max: fc.integer({ min: 1, max: 3 }),
    }),
  ),
  one({
    documents: fc.array(fc.record({ content, name, again: fc.option(pick(), { nil: undefined, freq: 3 }) }), {
      minLength: 1,
      maxLength: 5,
    }),
  }).map(({ world: in_, documents }): Plan => (memory) => ({
    do: 'import',
    world: in_,
    documents: documents.map(({ again, ...document }) => ({
      ...document,
      id: again === undefined ? newId('msg') : memory(in_, again),
    })),
  })),
  one({ which: pick(), other: pick() }).map(({ world: in_, which, other }): Plan => (memory) => ({
    do: 'ask',
    world: in_,
    from: memory(in_, which),
    to: memory(in_, other),
  })),
];

const agent = fc.oneof({ weight: 3, arbitrary: fc.constant('alpha') }, fc.constantFrom(...AGENTS));
const room = fc.oneof({ weight: 3, arbitrary: fc.constant('research') }, fc.constantFrom(...ROOMS));
const agentPlans: fc.Arbitrary<Plan> = fc.oneof(
  {
    weight: 3,
    arbitrary: plain(
      one({ do: fc.constant('register' as const), name: agent, actions: fc.nat(2), metadata }),
    ),
  },
  { weight: 1, arbitrary: plain(one({ do: fc.constant('unregister' as const), agent })) },
  {
    weight: 3,
    arbitrary: plain(
      one({
        do: fc.constant('open_room' as const),
        room,
        name: fc.constantFrom(null, 'A room'),
        metadata: fc.option(metadata, { nil: null }),
      }),
    ),
  },
  { weight: 1, arbitrary: plain(one({ do: fc.constant('close_room' as const), room })) },
  { weight: 4, arbitrary: plain(one({ do: fc.constant('join' as const), agent, room })) },
  {
    weight: 1,
    arbitrary: plain(one({ do: fc.constantFrom('leave' as const, 'say' as const), agent, room })),
  },
  {
    weight: 2,
    arbitrary: plain(
      one({
        do: fc.constantFrom('make_tool' as const, 'use_tool' as const),
        agent,
        tool: fc.constantFrom('t1', 't2'),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: plain(
      fc.record({
        do: fc.constant('make_world' as const),
        world: fc.constantFrom('lab', 'other'),
        name: fc.constantFrom(null, 'The lab'),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: plain(
      fc.record({ do: fc.constant('remove_world' as const), world: fc.constantFrom('lab', 'other') }),
    ),
  },
);

/** Operations on everything that there is. */
export const plans: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 10, arbitrary: fc.oneof(...memoryPlans) },
  {
    weight: 4,
    arbitrary: plain(
      one({
        do: fc.constant('files' as const),
        // Without any it is looked once more, when what was written has settled.
        steps: fc.array(fileStep, { maxLength: 4 }),
      }),
    ),
  },
  { weight: 6, arbitrary: agentPlans },
);
