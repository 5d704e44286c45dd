import { expect, test, vi } from 'vitest';
import { openStream } from './testing/open-stream.ts';

const MAX_BUFFERED = 64 * 1024;
const text = 'x'.repeat(1_000);

test('a client that does not read is read to from the log when it reads again, and costs no memory until then', async () => {
  await using stream = await openStream({ limits: { maxBufferedBytes: MAX_BUFFERED } });
  await using slow = await stream.connect();
  await using quick = await stream.connect();
  for (const client of [slow, quick]) {
    client.send({ action: 'subscribe', id: 'all', filters: [{ event_type: 'custom.*' }] });
    client.send({ action: 'subscribe', id: 'odd', filters: [{ event_type: 'custom.odd' }] });
    await client.nextOf('subscribed');
    await client.nextOf('subscribed');
  }
  const write = (): Promise<readonly number[]> =>
    stream.publish(
      ...Array.from({ length: 500 }, (_, n) => ({
        type: n % 2 === 0 ? 'custom.even' : 'custom.odd',
        payload: { text },
      })),
    );
  slow.ws.pause();
  let most = 0;
  for (let n = 0; n < 40; n += 1) {
    await write();
    const end = stream.log.head();
    await quick.next(({ event }) => (event as { position?: number } | undefined)?.position === end);
    most = Math.max(most, stream.stream.figures().bufferedBytes);
  }
  // Twenty megabytes went by; what the quick client has not taken yet is in the figure too.
  expect(stream.stream.figures().reading).toBe(2);
  expect(most).toBeLessThan(4 * MAX_BUFFERED);

  slow.ws.resume();
  await write();
  const end = stream.log.head();
  await slow.next(({ event }) => (event as { position?: number } | undefined)?.position === end);
  const every = Array.from({ length: end }, (_, n) => n + 1);
  for (const client of [slow, quick]) {
    expect(client.positions('all')).toEqual(every);
    expect(client.positions('odd')).toEqual(every.filter((position) => position % 2 === 0));
  }
  await vi.waitFor(() => expect(stream.stream.figures()).toMatchObject({ reading: 0, subscriptions: 4 }));
  await stream.publish({});
  await slow.nextOf('event');
});

test('a client that asks and does not read the answers is sent away', async () => {
  await using stream = await openStream({ limits: { maxBufferedBytes: 1_000 } });
  await using client = await stream.connect();
  client.ws.pause();
  const asking = setInterval(() => {
    for (let n = 0; n < 5_000; n += 1) client.send({ action: 'unsubscribe', id: 'none' });
  }, 1);
  try {
    await vi.waitFor(() => expect(stream.stream.figures().connections).toBe(0), { timeout: 20_000 });
  } finally {
    clearInterval(asking);
  }
});
