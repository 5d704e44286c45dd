import { join } from 'node:path';

/** What lies where under the data directory. */
export const pathsOf = (dataDir: string) => ({
  adminKey: join(dataDir, 'admin.key'),
  encryptionKey: join(dataDir, 'encryption.key'),
  temporal: join(dataDir, 'temporal'),
});
