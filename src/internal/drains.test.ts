import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { DrainLines, DrainPlace } from '../dispatch/drain-place.ts';
import { createLeaderClient } from './client.ts';
import { KEY, openLeader } from './testing/open-leader.ts';

/** A signal that can be waited for as often as it came. */
const createBell = () => {
  let rings = 0;
  let wake = (): void => undefined;
  return {
    ring: (): void => {
      rings += 1;
      wake();
    },
    get rings() {
      return rings;
    },
    until: async (count: number): Promise<void> => {
      while (rings < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};

interface Held {
  readonly target: string;
  readonly move: () => void;
}

const createLines = (place: Partial<DrainPlace> = {}) => {
  const held: Held[] = [];
  const left = createBell();
  const lines = {
    stopped: false as boolean,
    take: async (target: string, move: () => void): Promise<DrainPlace | undefined> => {
      if (lines.stopped) return undefined;
      held.push({ target, move });
      let gone = false;
      return {
        mark: async () => 5,
        sleep: async () => true,
        directWaits: async () => false,
        leave: () => {
          if (!gone) left.ring();
          gone = true;
        },
        ...place,
      };
    },
  } satisfies DrainLines;
  return { lines, held, left };
};

const taken = async (lines: DrainLines, onMove = (): void => undefined): Promise<DrainPlace> => {
  const place = await lines.take('hook:a', onMove);
  if (place === undefined) throw new Error('refused');
  return place;
};

describe('a place at the line of a drain of another process', () => {
  test('asks what a place here asks', async () => {
    const asked: unknown[] = [];
    const { lines, held } = createLines({
      mark: async () => 17,
      sleep: async (...given) => {
        asked.push(given);
        return asked.length === 1;
      },
      directWaits: async (order) => {
        asked.push(order);
        return order === '1';
      },
    });
    await using leader = await openLeader({ drains: lines });
    const place = await taken(leader.client.drains);
    expect(held.map(({ target }) => target)).toEqual(['hook:a']);
    expect(await place.mark()).toBe(17);
    expect([await place.sleep(17, null), await place.sleep(17, 1_700_000_000_000)]).toEqual([true, false]);
    expect([await place.directWaits('1'), await place.directWaits('2')]).toEqual([true, false]);
    expect(asked).toEqual([[17, null], [17, 1_700_000_000_000], '1', '2']);
  });

  test('is told when something moves, also while it was being taken', async () => {
    const { lines, held } = createLines();
    await using leader = await openLeader({
      drains: {
        stopped: false,
        take: async (target, move) => {
          move();
          return lines.take(target, move);
        },
      },
    });
    const moves = createBell();
    const place = await taken(leader.client.drains, moves.ring);
    await moves.until(1);
    held[0]?.move();
    await moves.until(2);
    // A thousand that come at once may be told as one.
    for (let i = 0; i < 1_000; i += 1) held[0]?.move();
    await moves.until(3);
    place.leave();
    await expect(place.mark()).rejects.toMatchObject({ code: 'log_unavailable' });
  });

  test('is left when its holder leaves, twice or once, and is told nothing then', async () => {
    const { lines, held, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    const moves = createBell();
    const place = await taken(leader.client.drains, moves.ring);
    place.leave();
    place.leave();
    await left.until(1);
    held[0]?.move();
    await taken(leader.client.drains);
    expect([left.rings, moves.rings]).toEqual([1, 0]);
  });

  test('is left when the connection ends; its holder is woken, and can do nothing any more', async () => {
    const { lines, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    const moves = createBell();
    const place = await taken(leader.client.drains, moves.ring);
    leader.cut();
    await Promise.all([left.until(1), moves.until(1)]);
    await expect(place.mark()).rejects.toMatchObject({ code: 'log_unavailable' });
    await expect(place.sleep(5, null)).rejects.toMatchObject({ code: 'log_unavailable' });
    await expect(place.directWaits('1')).rejects.toMatchObject({ code: 'log_unavailable' });
    // The next one is another place.
    expect(await (await taken(leader.client.drains)).mark()).toBe(5);
  });

  test('of a process that was killed is left at once, and so are its others', async () => {
    const { lines, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    const killed = createLeaderClient({ url: leader.url, key: KEY });
    const places = await Promise.all(Array.from({ length: 20 }, () => taken(killed.drains)));
    await killed.close();
    await left.until(20);
    const marks = await Promise.allSettled(places.map((place) => place.mark()));
    expect(new Set(marks.map(({ status }) => status))).toEqual(new Set(['rejected']));
  });

  test('is refused when no more is to be claimed there, or here', async () => {
    const { lines, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    lines.stopped = true;
    expect(await leader.client.drains.take('hook:a', () => undefined)).toBeUndefined();
    lines.stopped = false;
    const moves = createBell();
    const place = await taken(leader.client.drains, moves.ring);
    expect(leader.client.drains.stopped).toBe(false);
    leader.client.drains.stop();
    expect([leader.client.drains.stopped, moves.rings]).toEqual([true, 1]);
    // What it has begun it may finish.
    expect(await place.mark()).toBe(5);
    expect(await leader.client.drains.take('hook:a', () => undefined)).toBeUndefined();
    place.leave();
    await left.until(1);
  });

  test('is lost when the other side takes no more', async () => {
    const { lines, held, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    const moves = createBell();
    const place = await taken(leader.client.drains, moves.ring);
    lines.stopped = true;
    held[0]?.move();
    await Promise.all([moves.until(1), left.until(1)]);
    await expect(place.mark()).rejects.toMatchObject({ code: 'log_unavailable' });
  });

  test('is left when the server closes, which does not wait for it', async () => {
    const { lines, left } = createLines();
    await using leader = await openLeader({ drains: lines });
    const moves = createBell();
    await taken(leader.client.drains, moves.ring);
    await leader.server.close(600_000);
    await moves.until(1);
    expect(left.rings).toBe(1);
  });

  test('is told that the other side is there, and is lost when it says nothing', async () => {
    const { lines } = createLines();
    await using leader = await openLeader({ drains: lines }, { aliveMs: 5 });
    const response = await fetch(`${leader.url}/internal/v1/drains/take`, {
      method: 'POST',
      headers: { 'x-crucible-internal-key': KEY },
      body: '{"target":"hook:a"}',
    });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk);
      if (text.split('\n').length > 3) break;
    }
    expect(text).toMatch(/^\{"place":"[^"]+"\}\n\{"alive":true\}\n\{"alive":true\}\n/);
  });

  test.each<[string, (res: ServerResponse) => void]>([
    ['says nothing', (res) => res.end()],
    ['says something else', (res) => res.end('{"hello":1}\n')],
    ['is no JSON', (res) => res.end('place\n')],
    ['never ends its line', (res) => res.end('x'.repeat(100_000))],
  ])('is not had of a server that %s', async (_, answer) => {
    const node = createServer((_req, res) => answer(res)).listen(0, '127.0.0.1');
    await once(node, 'listening');
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const client = createLeaderClient({ url, key: KEY });
    await expect(client.drains.take('hook:a', () => undefined)).rejects.toMatchObject({
      code: 'log_unavailable',
    });
    await client.close();
    node.close();
  });

  test('is asked nothing that it does not know', async () => {
    const { lines } = createLines();
    await using leader = await openLeader({ drains: lines });
    const status = async (path: string, body: string): Promise<number> =>
      (await leader.ask('POST', `/internal/v1/drains/${path}`, { body })).status;
    expect(await status('take', '{}')).toBe(422);
    expect(await status('take', '{"target":5}')).toBe(422);
    expect(await status('nobody/mark', '{}')).toBe(404);
    expect(await status('', '{}')).toBe(404);
    const response = await fetch(`${leader.url}/internal/v1/drains/take`, {
      method: 'POST',
      headers: { 'x-crucible-internal-key': KEY },
      body: '{"target":"hook:a"}',
    });
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    const first = JSON.parse(new TextDecoder().decode((await reader.read()).value)) as { place: string };
    expect(await status(`${first.place}/mark`, '{}')).toBe(200);
    expect(await status(`${first.place}/sleep`, '{"mark":"5","next_at":null}')).toBe(422);
    expect(await status(`${first.place}/sleep`, '{"mark":5}')).toBe(422);
    expect(await status(`${first.place}/direct-waits`, '{}')).toBe(422);
    expect(await status(`${first.place}/leave`, '{}')).toBe(404);
    await reader.cancel();
  });
});
