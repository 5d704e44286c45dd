import { describe, expect, test } from 'vitest';
import { createMemoryDisk } from '../log/memory-store.ts';
import { openAgents } from '../../test/support/open-agents.ts';

const open = async (...names: readonly string[]) => {
  const a = await openAgents();
  for (const name of names) await a.register({ name });
  await a.as('default', () => a.rooms.create({ room: 'research', name: 'Research' }));
  return a;
};

describe('a room', () => {
  test('is joined and left, and knows who is in it', async () => {
    await using a = await open('b', 'a');
    await a.as('default', async () => {
      await a.rooms.join('b', 'research');
      await a.rooms.join('a', 'research');
      await a.rooms.join('a', 'research');
    });
    expect(await a.rooms.members('default', 'research', { limit: 10 })).toEqual([{ id: 'a' }, { id: 'b' }]);
    expect(await a.rooms.list('default', { limit: 10 })).toMatchObject([
      { id: 'research', name: 'Research', members: 2 },
    ]);
    expect((await a.agents.get('default', 'a')).rooms).toEqual(['research']);
    await a.as('default', () => a.rooms.leave('a', 'research'));
    await expect(a.as('default', () => a.rooms.leave('a', 'research'))).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await a.events('agent.joined_room', 'agent.left_room', 'system.room_created')).toMatchObject([
      {
        type: 'system.room_created',
        payload: { room: 'research', name: 'Research' },
        subject: 'room:research',
      },
      { type: 'agent.joined_room', payload: { agent_id: 'b', room: 'research' }, room: 'research' },
      { type: 'agent.joined_room', payload: { agent_id: 'a' }, subject: 'agent:a' },
      { type: 'agent.left_room', payload: { agent_id: 'a', room: 'research' } },
    ]);
  });

  test('counts right when all come at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `agent ${i}`);
    await using a = await open(...names);
    await a.as('default', () => Promise.all(names.map((_, i) => a.rooms.join(`agent-${i}`, 'research'))));
    expect(await a.rooms.list('default', { limit: 10 })).toMatchObject([{ members: 20 }]);
    const page = await a.rooms.members('default', 'research', { limit: 15 });
    const rest = await a.rooms.members('default', 'research', { after: page.at(-1)?.id ?? '', limit: 15 });
    expect([page.length, rest.length]).toEqual([15, 5]);
  });

  test('is left by all when it goes', async () => {
    await using a = await open('a', 'b');
    await a.as('default', async () => {
      await a.rooms.join('a', 'research');
      await a.rooms.join('b', 'research');
      await a.rooms.remove('research');
      await expect(a.rooms.remove('research')).rejects.toMatchObject({ code: 'not_found' });
      await expect(a.rooms.join('a', 'research')).rejects.toMatchObject({
        code: 'invalid',
        issues: [{ path: 'room' }],
      });
      await expect(a.rooms.join('nobody', 'research')).rejects.toMatchObject({ code: 'not_found' });
    });
    expect((await a.events()).slice(-3)).toMatchObject([
      { type: 'agent.left_room', payload: { agent_id: 'a', reason: 'room_deleted' } },
      { type: 'agent.left_room', payload: { agent_id: 'b', reason: 'room_deleted' } },
      { type: 'system.room_deleted', payload: { room: 'research' } },
    ]);
    expect((await a.agents.get('default', 'a')).rooms).toEqual([]);
  });

  test('has its name for itself, in its world', async () => {
    await using a = await open();
    await expect(a.as('default', () => a.rooms.create({ room: 'research' }))).rejects.toMatchObject({
      code: 'already_exists',
    });
    await a.as('lab', () => a.rooms.create({ room: 'research' }));
    await expect(a.as('lab', () => a.rooms.join('a', 'research'))).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});

describe('a message', () => {
  test('to a room reaches its other members, each in its own event', async () => {
    await using a = await open('a', 'b', 'c', 'outside');
    await a.as('default', async () => {
      for (const id of ['a', 'b', 'c']) await a.rooms.join(id, 'research');
    });
    const sent = await a.as('default', () =>
      a.messages.send('b', { room: 'research', content: 'Found ten.' }),
    );
    expect(sent.recipients).toBe(2);
    const events = await a.events('agent.message_sent', 'agent.message_received');
    expect(events).toMatchObject([
      { id: sent.event_id, type: 'agent.message_sent', room: 'research', payload: { agent_id: 'b' } },
      { type: 'agent.message_received', room: 'research', subject: 'agent:a', payload: { from: 'agent:b' } },
      { type: 'agent.message_received', payload: { agent_id: 'c', content: 'Found ten.', room: 'research' } },
    ]);
    expect(new Set(events.map(({ payload }) => payload['message_id']))).toEqual(new Set([sent.message_id]));
  });

  test('to one reaches that one', async () => {
    await using a = await open('a', 'b');
    await a.as('default', () => a.messages.send('a', { to: 'b', content: 'hello' }));
    expect(await a.events('agent.message_sent', 'agent.message_received')).toMatchObject([
      { payload: { agent_id: 'a', to: 'agent:b' }, room: null },
      { payload: { agent_id: 'b', from: 'agent:a', content: 'hello' }, room: null },
    ]);
  });

  test('is refused where it has no way to go, and nothing is told', async () => {
    await using a = await open('a', 'b');
    const before = a.log.head();
    await a.as('default', async () => {
      const send = (from: string, to: { to: string } | { room: string }, content = 'x') =>
        a.messages.send(from, { ...to, content });
      await expect(send('a', { room: 'research' })).rejects.toMatchObject({ code: 'forbidden' });
      await expect(send('a', { room: 'nowhere' })).rejects.toMatchObject({
        code: 'invalid',
        issues: [{ path: 'room' }],
      });
      await expect(send('a', { to: 'nobody' })).rejects.toMatchObject({
        code: 'invalid',
        issues: [{ path: 'to' }],
      });
      await expect(send('nobody', { to: 'a' })).rejects.toMatchObject({ code: 'not_found' });
      await expect(send('a', { to: 'b' }, 'x'.repeat(2_000_000))).rejects.toMatchObject({
        code: 'payload_too_large',
      });
    });
    expect(a.log.head()).toBe(before);
  });

  test('is sent once under a key', async () => {
    await using a = await open('a', 'b');
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const send = () =>
      a.as('default', () => a.messages.send('a', { to: 'b', content: 'x' }, { idempotency }));
    expect(await send()).toEqual(await send());
    expect(await a.events('agent.message_received')).toHaveLength(1);
  });
});

describe('a tool', () => {
  const parameters = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] };

  test('is made, listed, and used as it says', async () => {
    await using a = await open('a');
    await a.as('default', async () => {
      const made = await a.tools.create('a', { name: 'lookup', description: 'Finds a paper', parameters });
      expect(await a.tools.list('default', 'a', { limit: 10 })).toEqual([made]);
      await a.tools.use('a', 'lookup', { inputs: { id: '1' }, outputs: [1], duration_ms: 3, success: true });
      const bad = { inputs: { id: 1 }, duration_ms: 3, success: true };
      await expect(a.tools.use('a', 'lookup', bad)).rejects.toMatchObject({
        code: 'invalid',
        issues: [{ path: 'inputs.id' }],
      });
      await expect(a.tools.use('a', 'other', bad)).rejects.toMatchObject({ code: 'not_found' });
      await expect(a.tools.create('a', { name: 'lookup' })).rejects.toMatchObject({ code: 'already_exists' });
      await expect(a.tools.create('a', { name: 'x', parameters: { typ: 1 } })).rejects.toMatchObject({
        issues: [{ path: 'parameters' }],
      });
    });
    expect(await a.events('agent.tool_created', 'agent.tool_used')).toMatchObject([
      { payload: { agent_id: 'a', tool: 'lookup', parameters } },
      { payload: { tool: 'lookup', inputs: { id: '1' }, outputs: [1], duration_ms: 3, success: true } },
    ]);
  });
});

describe('a world', () => {
  test('is noted when it is first written to, and can be made then', async () => {
    await using a = await openAgents();
    await a.register({ name: 'a' });
    await a.as('lab', () => a.rooms.create({ room: 'r' }));
    await expect
      .poll(async () =>
        (await a.worlds.list(undefined, { limit: 10 })).map(({ id, created }) => [id, created]),
      )
      .toEqual([
        ['default', false],
        ['lab', false],
      ]);
    await a.as('lab', () => a.worlds.create({ world: 'lab', name: 'The lab' }));
    await expect(a.as('default', () => a.worlds.create({ world: 'lab' }))).rejects.toMatchObject({
      code: 'already_exists',
    });
    expect(await a.worlds.list(['lab', 'other'], { limit: 10 })).toMatchObject([
      { id: 'lab', name: 'The lab', created: true },
    ]);
    expect(await a.events('system.world_created')).toMatchObject([
      { world: 'default', subject: 'world:lab', payload: { world: 'lab', name: 'The lab' } },
    ]);
  });

  test('goes when nothing is left in it', async () => {
    let memories: readonly string[] = ['memories'];
    await using a = await openAgents({ holds: async (world) => (world === 'lab' ? memories : []) });
    await a.as('default', async () => {
      await a.worlds.create({ world: 'lab' });
      await expect(a.worlds.remove('nowhere')).rejects.toMatchObject({ code: 'not_found' });
      await expect(a.worlds.remove('default')).rejects.toMatchObject({ code: 'conflict' });
    });
    await a.as('lab', () => a.rooms.create({ room: 'r' }));
    const remove = () => a.as('default', () => a.worlds.remove('lab'));
    await expect(remove()).rejects.toMatchObject({
      code: 'conflict',
      message: 'The world lab still holds memories, rooms.',
    });
    memories = [];
    await expect(remove()).rejects.toMatchObject({ message: 'The world lab still holds rooms.' });
    await a.as('lab', () => a.rooms.remove('r'));
    await remove();
    expect((await a.worlds.list(undefined, { limit: 10 })).map(({ id }) => id)).not.toContain('lab');
    expect(await a.events('system.world_deleted')).toMatchObject([
      { world: 'default', subject: 'world:lab', payload: { world: 'lab' } },
    ]);
    // Written to again, it is there again.
    await a.as('lab', () => a.rooms.create({ room: 'r' }));
    await expect
      .poll(async () => (await a.worlds.list(['lab'], { limit: 1 })).map(({ created }) => created))
      .toEqual([false]);
  });

  test('that was written to just before a kill is noted at the next start, and one that was deleted is not', async () => {
    const disk = createMemoryDisk();
    const killed = await openAgents({ disk });
    await killed.as('default', () => killed.worlds.create({ world: 'gone' }));
    await killed.as('gone', () => killed.rooms.create({ room: 'r' }));
    await killed.as('gone', () => killed.rooms.remove('r'));
    await killed.as('default', () => killed.worlds.remove('gone'));
    // Nobody notes anything from here on, as if the process had died after the next commit.
    await killed.worlds.stop();
    await killed.as('lab', () => killed.rooms.create({ room: 'r' }));

    await using a = await openAgents({ disk });
    const ids = async () => (await a.worlds.list(undefined, { limit: 10 })).map(({ id }) => id);
    expect(await ids()).toEqual(['default']);
    await a.worlds.start();
    expect(await ids()).toEqual(['default', 'lab']);
  });
});
