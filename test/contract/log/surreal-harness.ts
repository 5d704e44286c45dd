import type { SurrealSession } from 'surrealdb';
import { silentLogger } from '../../../src/kernel/logger.ts';
import { connect, type Connection } from '../../../src/surreal/engine.ts';
import { createSurrealStore } from '../../../src/surreal/surreal-store.ts';
import { TABLES, type Database, type StoreHarness } from './harness.ts';

export interface SurrealHarness extends StoreHarness {
  /** As `database`, with the session that its stores use. */
  sessionDatabase(): Promise<Database & { readonly session: SurrealSession }>;
}

/** All databases of a harness share one connection: the embedded engine opens a directory once a process. */
export const surrealHarness = (name: string, url: () => Promise<string>): SurrealHarness => {
  let opened: Promise<Connection> | undefined;
  let databases = 0;
  const connection = (): Promise<Connection> => {
    opened ??= url().then((at) =>
      connect({ url: at, user: 'root', pass: 'root', namespace: 'contract', database: 'first' }),
    );
    return opened;
  };
  const sessionDatabase = async (): Promise<Database & { readonly session: SurrealSession }> => {
    const { db, embedded } = await connection();
    databases += 1;
    const database = `contract_${databases}`;
    await db.query(`REMOVE DATABASE IF EXISTS ${database}; DEFINE DATABASE ${database}`);
    const session = await db.forkSession();
    await session.use({ namespace: 'contract', database });
    let holders = 0;
    return {
      session,
      store: () => {
        holders += 1;
        const options = { tables: TABLES, holder: `writer ${holders}`, logger: silentLogger, takeover: true };
        return createSurrealStore({ db: session, embedded, close: () => Promise.resolve() }, options);
      },
    };
  };
  return { name, database: sessionDatabase, sessionDatabase };
};
