import { describe, expect, it } from 'vitest';
import { GRAPH_TABLES } from '../graph/tables.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import type { LogStore } from '../log/store.ts';
import type { GraphChange } from '../state/change.ts';
import { openMemories, originIn, type OpenMemories } from '../../test/support/memories.ts';
import { contentHashOf } from './draft.ts';
import { MEMORY_TABLES, WORK_TABLE } from './tables.ts';

const errorOf = async (work: () => Promise<unknown>): Promise<CrucibleError> => {
  try {
    await work();
  } catch (error) {
    if (isCrucibleError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const create = (open: OpenMemories, content: string, name?: string) =>
  open.in('default', () => open.service.create({ content, ...(name === undefined ? {} : { name }) }));

describe('creating a memory', () => {
  it('keeps what the text says, in one commit with its event and its part of the graph', async () => {
    await using open = await openMemories();
    const memory = await open.in('default', () =>
      open.service.create({
        content: '---\naliases: [SDPA]\npeople: [Ashish Vaswani]\n---\n# Attention\n#AI see [[Transformers]]',
        metadata: { author: 'alice' },
      }),
    );
    expect(memory).toMatchObject({
      world: 'default',
      title: 'Attention',
      tags: ['#ai'],
      metadata: { author: 'alice' },
      created_by: 'user:alice',
      links: [{ to: null, entity: 'entity:transformers', kind: 'mentions', written: '[[Transformers]]' }],
      backlinks: [],
      more_backlinks: false,
      consolidated_into: null,
    });
    expect(memory.hash).toBe(contentHashOf(memory.content));
    const { id } = memory;
    expect(await open.edges()).toEqual([
      `${id} -mentions-> entity:ashish-vaswani`,
      `${id} -mentions-> entity:transformers`,
      `${id} -tagged-> tag:ai`,
    ]);
    const events = await open.events();
    expect(events[0]).toMatchObject({
      type: 'memory.created',
      subject: id,
      world: 'default',
      payload: {
        id,
        tags: ['#ai'],
        links: ['[[Transformers]]'],
        hash: memory.hash,
        metadata: { author: 'alice' },
      },
    });
    expect(await open.in('default', () => open.service.get(id))).toEqual(memory);
  });

  it('moves a link from the entity to the memory that gets the name, and back when it goes', async () => {
    await using open = await openMemories();
    const note = await create(open, 'see [[Deep  Learning|DL]] and [[deep learning#History]]');
    expect(await open.edges()).toEqual([`${note.id} -mentions-> entity:deep-learning`]);
    const target = await create(open, '# DEEP LEARNING');
    expect(await open.edges()).toEqual([`${note.id} -links_to-> ${target.id}`]);
    expect(await open.nodes()).not.toContain('entity:deep-learning');
    expect(target.backlinks).toEqual([
      { from: note.id, title: 'see [[Deep Learning|DL]] and [[deep learning#History]]', kind: 'links_to' },
    ]);
    expect(await open.told()).toContain(`memory.linked ${note.id}`);
    expect((await open.in('default', () => open.service.get(note.id))).links).toEqual([
      { to: target.id, entity: null, kind: 'links_to', written: '[[Deep  Learning|DL]]', strength: null },
    ]);
    await open.in('default', () => open.service.remove(target.id));
    expect(await open.edges()).toEqual([`${note.id} -mentions-> entity:deep-learning`]);
    expect((await open.told()).slice(-6)).toContain(`memory.unlinked ${note.id}`);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
  });

  it('gives an ambiguous name to the oldest, and to the next when that one goes', async () => {
    await using open = await openMemories();
    const first = await create(open, 'one', 'Index');
    const second = await create(open, '# index');
    const third = await create(open, 'three', 'INDEX');
    const note = await create(open, '[[Index]]');
    const target = async () => (await open.in('default', () => open.service.get(note.id))).links[0]?.to;
    expect(await target()).toBe(first.id);
    await open.in('default', () => open.service.remove(first.id));
    expect(await target()).toBe(second.id);
    await open.in('default', () => open.service.update(second.id, { content: '# other' }));
    expect(await target()).toBe(third.id);
    await open.in('default', () => open.service.remove(third.id));
    expect(await target()).toBe(null);
    expect(await open.edges()).toEqual([`${note.id} -mentions-> entity:index`]);
  });

  it('shows who links to it though many link to a namesake', async () => {
    await using open = await openMemories();
    await create(open, '# Index');
    const younger = await create(open, '---\naliases: [Second]\n---\n# Index');
    for (let i = 0; i < 5; i += 1)
      await open.in('default', () =>
        open.service.importBatch(Array.from({ length: 25 }, (_, j) => ({ content: `[[Index]] ${i} ${j}` }))),
      );
    const friend = await create(open, 'see [[Second]]');
    const seen = await open.in('default', () => open.service.get(younger.id));
    expect(seen.backlinks.map(({ from }) => from)).toEqual([friend.id]);
    expect(seen.more_backlinks).toBe(false);
  });

  it('finds a path by its whole name first, then by its last part', async () => {
    await using open = await openMemories();
    const plain = await create(open, 'ip', 'IP');
    const note = await create(open, '[[TCP/IP]] and [x](../notes/IP.md#a)');
    expect(await open.edges()).toEqual([`${note.id} -links_to-> ${plain.id}`]);
    const whole = await create(open, '# TCP/IP');
    expect(await open.edges()).toEqual(
      [`${note.id} -links_to-> ${plain.id}`, `${note.id} -links_to-> ${whole.id}`].toSorted(),
    );
  });

  it('keeps worlds apart', async () => {
    await using open = await openMemories();
    const here = await open.in('a', () => open.service.create({ content: '# Same' }));
    const there = await open.in('b', () => open.service.create({ content: '[[Same]]' }));
    expect(there.links[0]?.to).toBe(null);
    expect(await errorOf(() => open.service.get(here.id, { visible: ['b'] }))).toMatchObject({
      code: 'not_found',
    });
    const refused = await errorOf(() =>
      open.in('b', () => open.service.link(there.id, { to: here.id }, { visible: ['b'] })),
    );
    // The same as of an id that nobody has.
    const message = `There is no memory ${JSON.stringify(here.id)}`;
    expect(refused).toMatchObject({ code: 'invalid', message, issues: [{ path: 'to', message }] });
    const crossing = await errorOf(() => open.in('b', () => open.service.link(there.id, { to: here.id })));
    expect(crossing.code).toBe('invalid');
    expect((await open.service.list({ visible: ['b'], limit: 10 })).data.map(({ id }) => id)).toEqual([
      there.id,
    ]);
  });

  it('is listed with those of its worlds, in full pages that tell nothing of others', async () => {
    await using open = await openMemories();
    const [own, others]: [string[], string[]] = [[], []];
    for (let i = 0; i < 4; i += 1) {
      others.push((await open.in('a', () => open.service.create({ content: `a ${i}` }))).id);
      own.push((await open.in('b', () => open.service.create({ content: `b ${i}` }))).id);
    }
    const pages = async (visible: readonly string[] | undefined, limit: number) => {
      const found: (readonly string[])[] = [];
      for (let after: string | undefined; ;) {
        const { data, last } = await open.service.list({
          visible,
          limit,
          ...(after !== undefined && { after }),
        });
        found.push(data.map(({ id }) => id));
        expect(last ?? data.at(-1)?.id).toBe(data.at(-1)?.id);
        if (last === undefined) return found;
        after = last;
      }
    };
    expect(await pages(['b'], 3)).toEqual([own.slice(0, 3), own.slice(3)]);
    expect((await pages(['b', 'a', 'c'], 3)).flat()).toEqual([...own, ...others].toSorted());
    expect((await pages(undefined, 3)).flat()).toEqual([...own, ...others].toSorted());
    expect(await pages(['c'], 3)).toEqual([[]]);
    await open.in('b', () => open.service.consolidate({ ids: own.slice(0, 2) }));
    await open.in('b', () => open.service.remove(own[2] ?? ''));
    expect((await pages(['b'], 10))[0]).toHaveLength(4);
  });

  it('is done once for one idempotency key', async () => {
    await using open = await openMemories();
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const [first, again] = [
      await open.in('default', () => open.service.create({ content: 'once' }, { idempotency })),
      await open.in('default', () => open.service.create({ content: 'once' }, { idempotency })),
    ];
    expect(again).toEqual(first);
    expect((await open.told()).filter((told) => told.startsWith('memory.created'))).toHaveLength(1);
  });

  it('lets a gate change the content, and derives the rest from that', async () => {
    await using open = await openMemories({
      gate: async (intended) =>
        intended.map((proposal) =>
          proposal.type === 'memory.created'
            ? { ...proposal, payload: { ...proposal.payload, content: '# Changed #by-gate' } }
            : proposal,
        ),
    });
    const memory = await create(open, '# Before #old');
    expect(memory).toMatchObject({
      title: 'Changed #by-gate',
      tags: ['#by-gate'],
      content: '# Changed #by-gate',
    });
    expect((await open.events())[0]?.payload).toMatchObject({ tags: ['#by-gate'], hash: memory.hash });
  });

  it('is linked to the agent that wrote it, if that one is registered', async () => {
    await using open = await openMemories({
      isAgent: async (id, world) => id === 'scout' && world === 'default',
    });
    await open.in('default', async () => {
      await open.writer.write(async () => ({
        change: {
          events: [],
          mutations: [],
          graph: [{ op: 'add_node', node: { id: 'agent:scout', kind: 'agent' } }],
        },
      }));
    });
    const by = (agent: string) =>
      open.in('default', () => open.service.create({ content: 'x' }), {
        source: { kind: 'agent', agent_id: agent },
        actor: `agent:${agent}`,
      });
    const { id } = await by('scout');
    await by('stranger');
    expect(await open.edges()).toEqual([`${id} -authored_by-> agent:scout`]);
  });

  it('keeps its other edges where its agent goes before there was room for all of them', async () => {
    await using open = await openMemories({ isAgent: async () => true });
    const graph = (change: GraphChange) =>
      open.writer.write(async () => ({ change: { events: [], mutations: [], graph: [change] } }), {
        origin: originIn('default'),
      });
    await graph({ op: 'add_node', node: { id: 'agent:scout', kind: 'agent' } });
    const gone = Promise.withResolvers<unknown>();
    const unsubscribe = open.log.onCommit(() => {
      unsubscribe();
      gone.resolve(graph({ op: 'remove_node', id: 'agent:scout' }));
    });
    const tags = Array.from({ length: 150 }, (_, i) => `#t${i}`).join(' ');
    const documents = Array.from({ length: 25 }, (_, i) => ({ content: `${i} ${tags}` }));
    await open.in('default', () => open.service.importBatch(documents), {
      source: { kind: 'agent', agent_id: 'scout' },
      actor: 'agent:scout',
    });
    await gone.promise;
    const edges = await open.edges();
    expect(edges.filter((edge) => edge.includes('-tagged->'))).toHaveLength(25 * 150);
    expect(edges.filter((edge) => edge.includes('-authored_by->'))).toEqual([]);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
  });

  it('tells a front matter that cannot be read, and keeps the memory', async () => {
    await using open = await openMemories();
    const memory = await create(open, '---\na: [1\n---\n# Title #x');
    expect(memory).toMatchObject({ title: 'Title #x', tags: ['#x'] });
    expect(memory.issues[0]?.message).toContain('YAML');
  });

  it.each([
    ['more than a mebibyte', 'x'.repeat(1024 * 1024 + 1), 'payload_too_large'],
    ['too many tags', Array.from({ length: 300 }, (_, i) => `#t${i}`).join(' '), 'invalid'],
    ['too many links', Array.from({ length: 6_000 }, (_, i) => `[[n${i}]]`).join(' '), 'invalid'],
  ])('refuses %s', async (_, content, code) => {
    await using open = await openMemories();
    expect(await errorOf(() => create(open, content))).toMatchObject({ code });
    expect(await open.told()).toEqual([]);
  });
});

describe('a memory with more links than a commit holds', () => {
  it('gets all of them before the answer, and loses all of them', async () => {
    await using open = await openMemories();
    const links = Array.from({ length: 1_500 }, (_, i) => `[[n${i}]]`).join(' ');
    const hub = await create(open, `# Hub\n${links}`);
    expect(await open.edges()).toHaveLength(1_500);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
    await open.in('default', () => open.service.update(hub.id, { content: '# Hub\n[[n7]] #x' }));
    expect(await open.edges()).toEqual([`${hub.id} -mentions-> entity:n7`, `${hub.id} -tagged-> tag:x`]);
    await open.in('default', () => open.service.update(hub.id, { content: `# Hub\n${links}` }));
    await open.in('default', () => open.service.remove(hub.id));
    expect(await open.edges()).toEqual([]);
    expect(await open.nodes()).toEqual([]);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
    expect(await open.rowsOf('memory_card')).toEqual([]);
  });

  it('moves more links to a new name than a commit holds, and all of them back', async () => {
    await using open = await openMemories();
    for (let i = 0; i < 40; i += 1) {
      await open.in('default', () =>
        open.service.importBatch(Array.from({ length: 25 }, (_, j) => ({ content: `[[Hub]] ${i} ${j}` }))),
      );
    }
    const hub = await create(open, '# Hub');
    expect((await open.edges()).filter((edge) => edge.endsWith(`-links_to-> ${hub.id}`))).toHaveLength(1_000);
    expect(await open.nodes()).not.toContain('entity:hub');
    expect(hub.backlinks).toHaveLength(100);
    expect(hub.more_backlinks).toBe(true);
    await open.in('default', () => open.service.remove(hub.id));
    expect((await open.edges()).filter((edge) => edge.endsWith('-mentions-> entity:hub'))).toHaveLength(
      1_000,
    );
    expect(await open.nodes()).not.toContain(hub.id);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
  });

  it('gets all of them though the database does not answer for a while', async () => {
    const whole = createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES] });
    const refusals = ['log_unavailable', 'overloaded', 'log_unavailable'] as const;
    let left: (typeof refusals)[number][] = [];
    const store: LogStore = {
      ...whole,
      getRows: async (table, ids) => {
        const code = table === WORK_TABLE.name ? left.pop() : undefined;
        if (code !== undefined) throw new CrucibleError(code, 'The database did not answer');
        return whole.getRows(table, ids);
      },
    };
    await using open = await openMemories({ store });
    const unsubscribe = open.log.onCommit(() => {
      left = [...refusals];
      unsubscribe();
    });
    await create(open, `# Hub\n${Array.from({ length: 1_500 }, (_, i) => `[[n${i}]]`).join(' ')}`);
    expect(left).toEqual([]);
    expect(await open.edges()).toHaveLength(1_500);
    expect(await open.rowsOf(WORK_TABLE.name)).toEqual([]);
  });

  it('goes on after a restart with what was left', async () => {
    const first = await openMemories();
    const links = Array.from({ length: 1_500 }, (_, i) => `[[n${i}]]`).join(' ');
    // Closed in the middle: the first commit is written, what follows is not waited for.
    let closed: Promise<void> | undefined;
    first.log.onCommit(() => {
      closed ??= first.service.close();
    });
    await create(first, `# Hub\n${links}`);
    await closed;
    expect(await first.rowsOf(WORK_TABLE.name)).toHaveLength(1);
    expect((await first.edges()).length).toBeLessThan(1_500);
    await first.log.close();

    await using second = await openMemories({ disk: first.disk });
    await new Promise<void>((resolve) => {
      const look = async (): Promise<void> => {
        if ((await second.rowsOf(WORK_TABLE.name)).length === 0) resolve();
      };
      second.log.onCommit(() => void look());
      void look();
    });
    expect(await second.edges()).toHaveLength(1_500);
  });
});

describe('updating a memory', () => {
  it('tells both hashes, a patch, and the tags that came and went', async () => {
    await using open = await openMemories();
    const before = await open.in('default', () =>
      open.service.create({ content: 'a #one', metadata: { a: 1, b: [2] } }),
    );
    const after = await open.in('default', () =>
      open.service.update(before.id, { content: 'b #two', metadata: { b: [2], 'c/d': null } }),
    );
    const events = (await open.events()).filter(({ type }) => type.startsWith('memory.'));
    expect(events.map(({ type }) => type)).toEqual([
      'memory.created',
      'memory.updated',
      'memory.untagged',
      'memory.tagged',
    ]);
    expect(events[1]?.payload).toEqual({
      id: before.id,
      previous_hash: before.hash,
      new_hash: after.hash,
      patch: [
        { op: 'replace', path: '/content', value: 'b #two' },
        { op: 'remove', path: '/metadata/a' },
        { op: 'add', path: '/metadata/c~1d', value: null },
      ],
      title: 'b #two',
      tags: ['#two'],
    });
    expect(after).toMatchObject({
      metadata: { b: [2], 'c/d': null },
      tags: ['#two'],
      created_at: before.created_at,
    });
    expect(after.updated_at).toBeGreaterThan(before.updated_at);
  });

  it('compares the hash that was expected, and writes nothing when nothing differs', async () => {
    await using open = await openMemories();
    const { id, hash } = await create(open, 'a');
    const head = open.log.head();
    await open.in('default', () => open.service.update(id, { content: 'a', expected_hash: hash }));
    expect(open.log.head()).toBe(head);
    await open.in('default', () => open.service.update(id, { content: 'b', expected_hash: hash }));
    const error = await errorOf(() =>
      open.in('default', () => open.service.update(id, { content: 'c', expected_hash: hash })),
    );
    expect(error.code).toBe('expectation_failed');
    expect((await open.in('default', () => open.service.get(id))).content).toBe('b');
  });

  it('lets one of two at the same time win that expect the same hash', async () => {
    await using open = await openMemories();
    const { id, hash } = await create(open, 'a');
    const results = await Promise.allSettled(
      ['b', 'c', 'd'].map((content) =>
        open.in('default', () => open.service.update(id, { content, expected_hash: hash })),
      ),
    );
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('is the same in the world of the memory, wherever the caller stands', async () => {
    await using open = await openMemories();
    const { id } = await open.in('lab', () => open.service.create({ content: 'a' }));
    await open.in('default', () => open.service.update(id, { content: 'b #x' }));
    await open.in('default', () => open.service.tag(id, '#y'));
    expect((await open.events()).every(({ world }) => world === 'lab')).toBe(true);
    expect(await open.edges('lab')).toHaveLength(2);
  });
});

describe('links and tags beside the text', () => {
  it('come and go, told once', async () => {
    await using open = await openMemories();
    const a = await create(open, '# A #text');
    const b = await create(open, '# B');
    await open.in('default', () => open.service.link(a.id, { to: b.id, link_type: 'cites', strength: 0.5 }));
    const linked = await open.in('default', () => open.service.link(a.id, { to: b.id, link_type: 'cites' }));
    expect(linked.links).toEqual([{ to: b.id, entity: null, kind: 'cites', written: null, strength: 0.5 }]);
    expect((await open.in('default', () => open.service.get(b.id))).backlinks).toEqual([
      { from: a.id, title: 'A #text', kind: 'cites' },
    ]);
    await open.in('default', () => open.service.tag(a.id, '#Added'));
    await open.in('default', () => open.service.tag(a.id, '#added'));
    await open.in('default', () => open.service.tag(a.id, '#text'));
    await open.in('default', () => open.service.update(a.id, { content: '# A' }));
    expect((await open.in('default', () => open.service.get(a.id))).tags).toEqual(['#added']);
    await open.in('default', () => open.service.untag(a.id, '#added'));
    await open.in('default', () => open.service.unlink(a.id, { to: b.id, link_type: 'cites' }));
    await open.in('default', () => open.service.unlink(a.id, { to: b.id, link_type: 'cites' }));
    expect(await open.edges()).toEqual([]);
    expect((await open.told()).filter((told) => told.startsWith('memory.')).slice(2)).toEqual([
      `memory.linked ${a.id}`,
      `memory.tagged ${a.id}`,
      `memory.updated ${a.id}`,
      `memory.untagged ${a.id}`,
      `memory.untagged ${a.id}`,
      `memory.unlinked ${a.id}`,
    ]);
  });

  it('go when the memory goes that they lead to', async () => {
    await using open = await openMemories();
    const a = await create(open, '# A');
    const b = await create(open, '# B');
    await open.in('default', () => open.service.link(a.id, { to: b.id }));
    await open.in('default', () => open.service.remove(b.id, { reason: 'old' }));
    expect((await open.in('default', () => open.service.get(a.id))).links).toEqual([]);
    const events = await open.events();
    expect(events.find(({ type }) => type === 'memory.deleted')?.payload).toEqual({
      id: b.id,
      previous_hash: b.hash,
      reason: 'old',
    });
    expect((await open.told()).filter((told) => told === `memory.unlinked ${a.id}`)).toHaveLength(1);
  });

  it.each([
    ['itself', (id: string, _other: string) => ({ to: id }), 'invalid'],
    ['nobody', () => ({ to: newId('msg') }), 'invalid'],
    ['a kind of the graph', (_: string, other: string) => ({ to: other, link_type: 'tagged' }), 'invalid'],
    ['a kind that is none', (_: string, other: string) => ({ to: other, link_type: 'No Kind' }), 'invalid'],
    ['no strength', (_: string, other: string) => ({ to: other, strength: 0 }), 'invalid'],
    ['too much strength', (_: string, other: string) => ({ to: other, strength: 1.1 }), 'invalid'],
  ] as const)('refuses a link to %s', async (_, input, code) => {
    await using open = await openMemories();
    const a = await create(open, '# A');
    const b = await create(open, '# B');
    const refused = await errorOf(() => open.in('default', () => open.service.link(a.id, input(a.id, b.id))));
    expect(refused.code).toBe(code);
  });

  it('are answered to a repeat though the other memory is gone by then', async () => {
    await using open = await openMemories();
    const a = await create(open, '# A');
    const b = await create(open, '# B');
    const link = () =>
      open.service.link(a.id, { to: b.id }, { idempotency: { scope: 's', key: 'link', hash: 'h' } });
    const unlink = () =>
      open.service.unlink(a.id, { to: b.id }, { idempotency: { scope: 's', key: 'unlink', hash: 'h' } });
    await open.in('default', link);
    await open.in('default', unlink);
    await open.in('default', () => open.service.remove(b.id));
    const head = open.log.head();
    expect(await open.in('default', link)).toMatchObject({ id: a.id, links: [] });
    expect(await open.in('default', unlink)).toMatchObject({ id: a.id, links: [] });
    expect(open.log.head()).toBe(head);
  });

  it('refuses to take away what stands in the text', async () => {
    await using open = await openMemories();
    const b = await create(open, '# B');
    const a = await create(open, '#tag [[B]]');
    expect(await errorOf(() => open.in('default', () => open.service.untag(a.id, '#tag')))).toMatchObject({
      code: 'conflict',
    });
    const unlink = () =>
      open.in('default', () => open.service.unlink(a.id, { to: b.id, link_type: 'links_to' }));
    expect((await errorOf(unlink)).code).toBe('conflict');
  });

  it.each(['ai', '#', '#12', '#a b', '# a', '', '#a#b', '#' + 'a'.repeat(101)])(
    'refuses the tag %j',
    async (tag) => {
      await using open = await openMemories();
      const a = await create(open, '# A');
      expect((await errorOf(() => open.in('default', () => open.service.tag(a.id, tag)))).code).toBe(
        'invalid',
      );
    },
  );
});

describe('consolidating', () => {
  it('makes one of several, which takes over names, tags and links', async () => {
    await using open = await openMemories();
    const a = await create(open, '# Alpha #x');
    const b = await create(open, '---\ntags: [y]\n---\n# Beta');
    const c = await create(open, '[[Beta]]');
    await open.in('default', () => open.service.link(c.id, { to: a.id }));
    await open.in('default', () => open.service.link(a.id, { to: c.id, link_type: 'cites' }));
    await open.in('default', () => open.service.link(a.id, { to: b.id }));
    const one = await open.in('default', () =>
      open.service.consolidate({ ids: [b.id, a.id], summary: 'both' }),
    );
    expect(one).toMatchObject({ content: '# Alpha #x\n\n# Beta', title: 'Alpha #x', tags: ['#x', '#y'] });
    expect(await open.edges()).toEqual(
      [
        `${one.id} -cites-> ${c.id}`,
        `${one.id} -consolidated_from-> ${a.id}`,
        `${one.id} -consolidated_from-> ${b.id}`,
        `${one.id} -tagged-> tag:x`,
        `${one.id} -tagged-> tag:y`,
        `${c.id} -links_to-> ${one.id}`,
        `${c.id} -related-> ${one.id}`,
      ].toSorted(),
    );
    const old = await open.in('default', () => open.service.get(a.id));
    expect(old).toMatchObject({ consolidated_into: one.id, content: '# Alpha #x', links: [], backlinks: [] });
    const events = await open.events();
    expect(events.find(({ type }) => type === 'memory.consolidated')?.payload).toEqual({
      id: one.id,
      merged: [b.id, a.id],
      summary: 'both',
    });
    const change = await errorOf(() => open.in('default', () => open.service.update(a.id, { content: 'x' })));
    expect(change.code).toBe('conflict');
    const again = await errorOf(() =>
      open.in('default', () => open.service.consolidate({ ids: [a.id, c.id] })),
    );
    expect(again.code).toBe('conflict');
    await open.in('default', () => open.service.remove(a.id));
    expect(await open.edges()).not.toContain(`${one.id} -consolidated_from-> ${a.id}`);
    expect(await open.nodes()).not.toContain(a.id);
  });

  it('is done once for one key, though its sources are consolidated by then', async () => {
    await using open = await openMemories();
    const ids = [(await create(open, '# A')).id, (await create(open, '# B')).id];
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const first = await open.in('default', () => open.service.consolidate({ ids }, { idempotency }));
    const again = await open.in('default', () => open.service.consolidate({ ids }, { idempotency }));
    expect(again).toEqual(first);
  });

  it('is answered to a repeat though its sources are gone by then', async () => {
    await using open = await openMemories();
    const ids = [(await create(open, '# A')).id, (await create(open, '# B')).id];
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const consolidate = () => open.in('default', () => open.service.consolidate({ ids }, { idempotency }));
    const { id } = await consolidate();
    for (const source of ids) await open.in('default', () => open.service.remove(source));
    expect(await consolidate()).toMatchObject({ id });
  });

  it.each([
    [{ ids: [] }, 'invalid'],
    [{ ids: ['A', 'A'] }, 'invalid'],
    [{ ids: ['A', 'B'], content: 'x', strategy: 'join' as const }, 'invalid'],
    [{ ids: ['A', 'C'] }, 'invalid'],
  ])('refuses %j', async (input, code) => {
    await using open = await openMemories();
    const ids: Record<string, string> = {
      A: (await create(open, '# A')).id,
      B: (await create(open, '# B')).id,
    };
    const given = { ...input, ids: input.ids.map((id) => ids[id] ?? newId('msg')) };
    const refused = await errorOf(() => open.in('default', () => open.service.consolidate(given)));
    expect(refused.code).toBe(code);
  });
});

describe('pruning', () => {
  it('takes the oldest that fit, says so first when asked, and tells each', async () => {
    await using open = await openMemories();
    const old = await create(open, 'old #tmp');
    const other = await create(open, 'old');
    open.advance(60_000);
    const cut = open.clock.now();
    open.advance(60_000);
    const young = await create(open, 'young #tmp');
    const prune = (more: object) =>
      open.in('default', () => open.service.prune({ max: 10, dry_run: false, ...more }));
    expect(await prune({ older_than: cut, dry_run: true })).toEqual({
      ids: [old.id, other.id],
      count: 2,
      dry_run: true,
      more: false,
    });
    expect(await prune({ older_than: cut, max: 1, dry_run: true })).toMatchObject({
      ids: [old.id],
      more: true,
    });
    expect(await prune({ older_than: cut, tags: ['#tmp'] })).toMatchObject({ ids: [old.id], count: 1 });
    expect(await prune({ tags: ['#tmp'] })).toMatchObject({ ids: [young.id] });
    const events = await open.events();
    expect(events.filter(({ type }) => type === 'memory.pruned').map(({ payload }) => payload)).toEqual([
      { ids: [old.id], count: 1, reason: expect.stringContaining('#tmp') },
      { ids: [young.id], count: 1, reason: 'tagged #tmp' },
    ]);
    expect(await open.told()).toContain(`memory.deleted ${old.id}`);
    expect((await errorOf(() => prune({}))).code).toBe('invalid');
  });

  it('takes nothing and tells nothing where nothing fits', async () => {
    await using open = await openMemories();
    await create(open, 'a');
    const head = open.log.head();
    const answer = await open.in('default', () =>
      open.service.prune({ tags: ['#none'], max: 5, dry_run: false }),
    );
    expect(answer).toEqual({ ids: [], count: 0, dry_run: false, more: false });
    expect(open.log.head()).toBe(head);
  });
});

describe('documents', () => {
  it('become memories that link to each other, follow their files, and go with them', async () => {
    await using open = await openMemories();
    const [a, b] = [newId('msg'), newId('msg')];
    const document = (id: string, name: string, content: string, op: 'create' | 'update' = 'create') => ({
      op,
      id,
      name,
      content,
      metadata: { file: { root: 'notes', path: `${name}.md` } },
      fileNode: { id: `file:${name.toLowerCase()}`, kind: 'file' as const, label: `${name}.md` },
    });
    const apply = (...changes: Parameters<typeof open.documents.plan>[0]) =>
      open.in('default', () =>
        open.writer.write(async () => ({ change: await open.documents.plan(changes, 'default') })),
      );
    await apply(document(a, 'First', '[[Second]]'), document(b, 'Second', '[x](First.md)'));
    expect(await open.edges()).toEqual(
      [
        `${a} -links_to-> ${b}`,
        `${a} -stored_in-> file:first`,
        `${b} -links_to-> ${a}`,
        `${b} -stored_in-> file:second`,
      ].toSorted(),
    );
    expect(await open.nodes()).not.toContain('entity:second');
    await apply(document(b, 'Renamed', 'alone', 'update'));
    expect(await open.edges()).toEqual(
      [
        `${a} -mentions-> entity:second`,
        `${a} -stored_in-> file:first`,
        `${b} -stored_in-> file:renamed`,
      ].toSorted(),
    );
    const managed = await errorOf(() => open.in('default', () => open.service.update(a, { content: 'x' })));
    expect(managed.code).toBe('managed_by_file');
    expect((await errorOf(() => open.in('default', () => open.service.remove(a)))).code).toBe(
      'managed_by_file',
    );
    await apply({ op: 'remove', id: b, reason: 'gone' }, { op: 'remove', id: newId('msg'), reason: 'never' });
    await apply(document(b, 'Second', 'again', 'update'));
    expect(await open.edges()).toContain(`${a} -links_to-> ${b}`);
  });
});
