import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { silentLogger, type Logger } from '../kernel/logger.ts';
import type { LeaderRecord } from '../log/following/leader.ts';
import { createInternalServer } from '../internal/server.ts';
import { createClosers } from './closers.ts';
import { followingTurn } from './following-turn.ts';

const KEY = 'an-internal-key-of-thirty-two-characters';

test('says once why the server that writes cannot be followed, and again when the reason is another one', async () => {
  const said: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_, message) => void said.push(`warn ${message}`),
    error: (_, message) => void said.push(`error ${message}`),
  };
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as AddressInfo;
  nobody.close();
  await once(nobody, 'close');
  const starting = createInternalServer({ key: KEY, logger: silentLogger });
  const { url } = await starting.listen({ host: '127.0.0.1', port: 0 });
  const closers = createClosers(silentLogger);
  let record: LeaderRecord | undefined;
  let internalKey = KEY;
  const deps = () =>
    ({ config: { host: '127.0.0.1', port: 0 }, version: '0', logger, internalKey }) as Parameters<
      typeof followingTurn
    >[0];
  const turnWith = () =>
    followingTurn(
      deps(),
      { leader: () => Promise.resolve(record) },
      { closers, onFollowing: () => expect.unreachable() },
    );
  const turn = turnWith();
  const held = { epoch: 1, leaseMs: 9_000 };
  for (const given of [
    undefined,
    { ...held, url: null, leaseMs: 0 },
    { ...held, url: null },
    { ...held, url: `http://127.0.0.1:${port}` },
    { ...held, url },
    { ...held, url: null },
  ]) {
    record = given;
    await turn.sleep(0);
    await turn.sleep(0);
  }
  internalKey = `${KEY}-other`;
  record = { ...held, url };
  await turnWith().sleep(0);
  await closers.closeAll();
  await starting.close(0);
  expect(said).toEqual([
    'warn the server that writes has no CRUCIBLE_INTERNAL_KEY: it cannot be followed',
    'warn the server that writes cannot be reached where it says (its CRUCIBLE_INTERNAL_URL): it cannot be followed',
    'warn the server that writes is not ready to be followed',
    'warn the server that writes has no CRUCIBLE_INTERNAL_KEY: it cannot be followed',
    'error the server that writes has another CRUCIBLE_INTERNAL_KEY: it cannot be followed',
  ]);
});
