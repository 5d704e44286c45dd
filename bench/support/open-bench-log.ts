import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openLog } from '../../src/main/open-log.ts';

/** The product's log in a temporary directory, with its configuration for this Temporal and what closes it all. */
export const openBenchLog = async (temporal: { readonly address: string; readonly namespace: string }) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
  const config = loadConfig({
    env: {
      CRUCIBLE_DATA_DIR: dataDir,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
    },
    cwd: dataDir,
    dev: true,
  });
  const closers = createClosers(logger);
  // Opened first, so closed last.
  closers.add(() => rm(dataDir, { recursive: true, force: true }));
  const onFatal = (error: Error): never => {
    throw error;
  };
  return { config, logger, closers, ...(await openLog({ config, logger, onFatal }, closers)) };
};
