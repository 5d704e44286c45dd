import { silentLogger } from '../../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../../src/log/create-log.ts';
import { openFollowedLog } from '../../../src/log/following/followed-log.ts';
import { createNearLeader } from '../../../src/log/following/testing/pair.ts';
import type { OpenLog } from './log-contract.ts';

/** As a process has it that follows the one that writes. */
export const openFollowing: OpenLog = async (database, clock) => {
  const writing = await createLog({
    store: await database.store(),
    reactor: idleReactor,
    clock,
    logger: silentLogger,
  });
  const leader = createNearLeader(writing);
  const followed = await openFollowedLog({
    store: await database.store(),
    leader,
    epoch: writing.epoch(),
    clock,
    logger: silentLogger,
  });
  await followed.begin();
  return {
    ...followed,
    async close() {
      await followed.close();
      leader.close();
      await writing.close();
    },
  };
};
