import type { TableDefinition } from '../../../src/log/records.ts';
import type { LogStore } from '../../../src/log/store.ts';

/** One fresh database; each call of `store` is another writer on it, as another process or a restart would be. */
export interface Database {
  store(): Promise<LogStore>;
}

export interface StoreHarness {
  readonly name: string;
  database(): Promise<Database>;
}

/** The tables of the contract: one with every kind of index, one without, one with full text. */
export const TABLES: readonly TableDefinition[] = [
  {
    name: 'thing',
    indexes: [
      { name: 'thing_size', fields: ['size'] },
      { name: 'thing_group_size', fields: ['group', 'size'] },
      { name: 'thing_group_state_size', fields: ['group', 'state', 'size'] },
    ],
  },
  { name: 'plain', indexes: [] },
  {
    name: 'note',
    indexes: [{ name: 'note_world', fields: ['world'] }],
    search: { name: 'note_text', field: 'text', within: 'world' },
  },
];
