import type { Records } from '../../log/records.ts';
import { NAME_TABLE, NAMESAKE_TABLE, oldestKey, type NameRow, type NamesakeRow } from '../tables.ts';
import type { Mutation } from '../../log/records.ts';
import { createStage } from './stage.ts';

/**
 * Whom the names of one world mean, as a change will leave them. A name that several memories have means the oldest of
 * them; of two of the same millisecond the one whose id sorts first.
 */
export interface NameBook {
  ownerOf(name: string): Promise<string | undefined>;
  load(names: Iterable<string>): Promise<void>;
  /** @returns whether the name means another one now */
  add(name: string, memory: string, createdAt: number): Promise<boolean>;
  remove(name: string, memory: string): Promise<boolean>;
  mutations(): readonly Mutation[];
}

export const createNameBook = (records: Records, world: string): NameBook => {
  const owners = createStage<NameRow>(records, NAME_TABLE.name);
  const namesakes = createStage<NamesakeRow>(records, NAMESAKE_TABLE.name);
  /** Namesakes that came in this change, which no index knows yet. */
  const came = new Map<string, Set<string>>();
  const idOf = (name: string): string => `${world}/${name}`;

  const addNamesake = async (name: string, memory: string, rank: string): Promise<void> => {
    const id = `${idOf(name)}/${memory}`;
    await namesakes.set(id, { id, world, name, memory, rank });
    came.set(name, (came.get(name) ?? new Set()).add(id));
  };

  const eldestNamesake = async (name: string): Promise<NamesakeRow | undefined> => {
    const changed = namesakes.changed().filter((row) => came.get(name)?.has(row.id) === true);
    let eldest: NamesakeRow | undefined;
    for (let after: string | undefined; eldest === undefined;) {
      const rows = (await records.byIndex({
        table: NAMESAKE_TABLE.name,
        index: 'memory_namesake_rank',
        equals: [world, name],
        limit: 100,
        ...(after === undefined ? {} : { after }),
      })) as readonly NamesakeRow[];
      [eldest] = namesakes.seen(rows);
      after = rows.at(-1)?.rank;
      if (rows.length < 100) break;
    }
    return [...changed, ...(eldest === undefined ? [] : [eldest])].toSorted((a, b) =>
      a.rank < b.rank ? -1 : 1,
    )[0];
  };

  return {
    ownerOf: async (name) => (await owners.get(idOf(name)))?.owner,
    load: (names) => owners.load([...names].map(idOf)),

    async add(name, memory, createdAt) {
      const id = idOf(name);
      const rank = oldestKey(createdAt, memory);
      const row = await owners.get(id);
      if (row === undefined) {
        await owners.set(id, { id, world, owner: memory, rank, others: 0 });
        return true;
      }
      if (row.owner === memory) return false;
      const others = row.others + 1;
      if (row.rank < rank) {
        await addNamesake(name, memory, rank);
        await owners.set(id, { ...row, others });
        return false;
      }
      await addNamesake(name, row.owner, row.rank);
      await owners.set(id, { ...row, owner: memory, rank, others });
      return true;
    },

    async remove(name, memory) {
      const id = idOf(name);
      const row = await owners.get(id);
      if (row === undefined) return false;
      if (row.owner !== memory) {
        const namesake = `${id}/${memory}`;
        if ((await namesakes.get(namesake)) === undefined) return false;
        await namesakes.set(namesake, undefined);
        await owners.set(id, { ...row, others: row.others - 1 });
        return false;
      }
      const next = row.others === 0 ? undefined : await eldestNamesake(name);
      if (next === undefined) {
        await owners.set(id, undefined);
        return true;
      }
      await namesakes.set(next.id, undefined);
      await owners.set(id, { ...row, owner: next.memory, rank: next.rank, others: row.others - 1 });
      return true;
    },

    mutations: () => [...owners.mutations(), ...namesakes.mutations()],
  };
};
