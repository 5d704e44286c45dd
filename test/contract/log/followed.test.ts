import { createMemoryDisk, createMemoryStore } from '../../../src/log/memory-store.ts';
import { TABLES } from './harness.ts';
import { describeLog } from './log-contract.ts';
import { openFollowing } from './open-following.ts';

describeLog(
  {
    name: 'memory, followed',
    async database() {
      const disk = createMemoryDisk();
      return { store: async () => createMemoryStore({ tables: TABLES, disk }) };
    },
  },
  openFollowing,
);
