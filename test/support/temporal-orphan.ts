/**
 * A supervisor for tests to kill: starts a dev server in the directory given, says so on its channel, and waits.
 * Arguments: program, its version, data directory, namespace.
 */
import { silentLogger } from '../../src/kernel/logger.ts';
import { startDevServer } from '../../src/temporal/dev-server.ts';

const [path = '', version = '', dataDir = '', namespace = ''] = process.argv.slice(2);
const server = await startDevServer({
  binary: { path, version },
  dataDir,
  port: 0,
  uiPort: 0,
  namespace,
  logger: silentLogger,
});
process.send?.({ pid: server.pid, address: server.address, uiUrl: server.uiUrl });
setInterval(() => undefined, 60_000);
