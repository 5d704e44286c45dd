import { createHash } from 'node:crypto';
import type { Records } from '../log/records.ts';
import type { Change, Proposal } from '../state/change.ts';
import type { Decided, StateWriter } from '../state/writer.ts';
import { rowIdOf } from './ids.ts';
import { asKnownRow, KNOWN_TABLE, type KnownRow } from './tables.ts';

/** Something found in the graph: told by an event when it was not known. */
export interface Finding {
  /** Equal for what is the same. */
  readonly key: string;
  readonly event: Proposal;
  /** How much of a commit it takes, in nodes named. */
  readonly size: number;
  /** Whether it is still so. */
  readonly holds?: () => boolean;
}

export interface Discoveries {
  /**
   * Tells those findings about `topic` that were not known.
   * @param memory `all`: what was known stays known; `current`: known is what was found last, so what comes back is new
   */
  tell(world: string, topic: string, findings: readonly Finding[], memory: 'all' | 'current'): Promise<void>;
}

/** What one append may tell: well within a commit. */
const MAX_EVENTS = 500;
const MAX_NODES = 40_000;
/** Paths between two nodes that stay known; then the oldest are forgotten. */
const MAX_KNOWN = 200;

/** 16 hexadecimal digits. */
export const hashOf = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);

export const createDiscoveries = ({
  records,
  writer,
}: {
  readonly records: Records;
  readonly writer: StateWriter;
}): Discoveries => {
  const read = async (id: string): Promise<KnownRow | undefined> => {
    const row = await records.get(KNOWN_TABLE.name, id);
    return row === undefined ? undefined : asKnownRow(row);
  };
  const unknownTo = (row: KnownRow | undefined, findings: readonly Finding[]): readonly Finding[] => {
    const known = new Set(row?.known);
    return findings.filter(({ key }) => !known.has(key));
  };

  return {
    async tell(world, topic, findings, memory) {
      const id = rowIdOf(world, topic);
      let rest = unknownTo(await read(id), findings);
      while (rest.length > 0) {
        const { now, later } = split(rest);
        const decide = async (): Promise<Decided> => {
          const row = await read(id);
          const fresh = unknownTo(row, now).filter(({ holds }) => holds?.() !== false);
          if (fresh.length === 0) return { change: { events: [], mutations: [] } };
          const told = [...(row?.known ?? []), ...fresh.map(({ key }) => key)];
          const current = new Set(findings.map(({ key }) => key));
          const forget = memory === 'current' && later.length === 0;
          const known = forget ? told.filter((key) => current.has(key)) : told;
          return {
            change: tellOf(world, id, row, fresh, memory === 'all' ? known.slice(-MAX_KNOWN) : known),
          };
        };
        // Whether a finding still holds is asked of what follows the commits.
        await writer.write(decide, { alone: true });
        rest = later;
      }
    },
  };
};

const split = (findings: readonly Finding[]): { now: readonly Finding[]; later: readonly Finding[] } => {
  let nodes = 0;
  const end = findings.findIndex(({ size }, i) => {
    nodes += size;
    return i > 0 && (i === MAX_EVENTS || nodes > MAX_NODES);
  });
  return end === -1
    ? { now: findings, later: [] }
    : { now: findings.slice(0, end), later: findings.slice(end) };
};

const tellOf = (
  world: string,
  id: string,
  row: KnownRow | undefined,
  fresh: readonly Finding[],
  known: readonly string[],
): Change => ({
  events: fresh.map(({ event }) => event),
  mutations: [
    row === undefined
      ? { op: 'create', table: KNOWN_TABLE.name, row: { id, world, known, revision: 1 } }
      : {
          op: 'patch',
          table: KNOWN_TABLE.name,
          id,
          when: { revision: row.revision },
          set: { known, revision: row.revision + 1 },
        },
  ],
});
