import { createMemoryDisk, createMemoryStore } from '../../../src/log/memory-store.ts';
import { TABLES, type StoreHarness } from './harness.ts';
import { describeLog } from './log-contract.ts';
import { describeStore } from './store-contract.ts';
import { describeText } from './text-contract.ts';

const memory: StoreHarness = {
  name: 'memory',
  async database() {
    const disk = createMemoryDisk();
    return { store: async () => createMemoryStore({ tables: TABLES, disk }) };
  },
};

describeStore(memory);
describeLog(memory);
describeText(memory);
