/*
 * A process of its own with the services over an embedded database, for tests that kill it. Started with a directory; it
 * gets operations as messages, answers each, and tells of each commit.
 */
import { join } from 'node:path';
import { argv } from 'node:process';
import { isCrucibleError, messageOf } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { WORLDS } from './arbitraries.ts';
import { perform, rootOf, type Done, type Operation } from './operations.ts';
import { openServices, TABLES } from './services.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { storedJson, type StoredJson } from './state.ts';

export type ToChild =
  { readonly n: number; readonly operation: Operation } | { readonly n: number; readonly snapshot: true };

export type FromChild =
  | { readonly open: true }
  | { readonly commit: number }
  | { readonly n: number; readonly done: Done }
  | { readonly n: number; readonly refused: string }
  | {
      readonly n: number;
      readonly snapshot: {
        readonly events: readonly CrucibleEvent[];
        readonly stored: StoredJson;
        readonly viewDiffers: readonly string[];
      };
    }
  | { readonly n: number; readonly failed: string }
  | { readonly broken: string };

const [, , directory = ''] = argv;

const tell = (message: FromChild): void => void process.send?.(message);

try {
  const store = await openSurrealStore({
    url: `rocksdb://${join(directory, 'db')}`,
    user: undefined,
    pass: undefined,
    namespace: 'crucible',
    database: 'main',
    tables: TABLES,
    holder: 'test',
    logger: silentLogger,
  });
  const roots = WORLDS.map((world) => ({ path: rootOf(directory, world), world }));
  const services = await openServices(store, roots);
  services.log.onCommit(() => tell({ commit: services.log.head() }));

  const answer = async (message: ToChild): Promise<FromChild> => {
    const { n } = message;
    if ('operation' in message) return { n, done: await perform(services, directory, message.operation) };
    const { stored, ...snapshot } = await services.snapshot();
    return { n, snapshot: { ...snapshot, stored: storedJson(stored) } };
  };
  process.on('message', (message: ToChild) => {
    void answer(message).then(tell, (error: unknown) => {
      if (isCrucibleError(error) && error.code !== 'internal')
        tell({ n: message.n, refused: `${error.code}: ${error.message}` });
      else tell({ n: message.n, failed: error instanceof Error ? (error.stack ?? '') : String(error) });
    });
  });
  // Whoever has started it and is gone needs it no more.
  process.on('disconnect', () => process.exit(0));
  tell({ open: true });
} catch (error) {
  tell({ broken: messageOf(error) });
  process.exit(1);
}
