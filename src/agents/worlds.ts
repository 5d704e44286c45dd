import type { Clock } from '../kernel/clock.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import type { WorldService } from './agent.ts';
import { worldSubject } from './ids.ts';
import {
  AGENT_TABLE,
  asRow,
  asWorld,
  listBelow,
  ROOM_TABLE,
  worldView,
  WORLD_TABLE,
  type WorldRow,
} from './rows.ts';
import { answered, intendedPayload, namedTaken } from './write.ts';

/** What may be in line before a note. Events, and bytes of events. */
const BEHIND = { events: 20_000, bytes: 64 * 1024 * 1024 };
const READ_EVENTS = 500;

/** The world that is always there. */
const DEFAULT_WORLD = 'default';

/** Worlds are things of the whole installation: what is told of them is told in the first one. */
const originOfWorlds = (): Origin => {
  const origin = currentOrigin();
  if (origin === undefined) throw new CrucibleError('internal', 'worlds were asked outside of any request');
  return { ...origin, world: DEFAULT_WORLD };
};

export interface Worlds extends WorldService {
  /** Notes the worlds that an earlier process had no time to note. Rejects never. */
  start(): Promise<void>;
  /** Stops noting worlds that are written to. */
  stop(): Promise<void>;
}

/**
 * Worlds, made or merely written to. A world needs no making: the first event in it is enough, and is noted here, in a row
 * that says `created: false`. The note follows its event; when the process dies in between, the next start finds that
 * event, which is among the last ones of the log: no more than `BEHIND` can have been in line before the note.
 */
export const createWorldService = ({
  log,
  writer,
  clock,
  holds,
  logger,
}: {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly clock: Clock;
  /** What a world holds besides agents and rooms, in words for people: `memories`, `files`. Empty: nothing. */
  readonly holds: (world: string) => Promise<readonly string[]>;
  readonly logger: Logger;
}): Worlds => {
  const { records } = log;
  /** Those that have a row, as far as this process has seen; the others are asked for once. */
  const known = new Set<string>();

  const note = async (world: string): Promise<void> => {
    const row: WorldRow = { id: world, name: null, created: false, created_at: clock.now() };
    try {
      await log.append({
        events: [],
        ledger: true,
        mutations: [{ op: 'create', table: WORLD_TABLE.name, row: asRow(row) }],
      });
    } catch (error) {
      // It has been noted before, or just been made.
      if (isCrucibleError(error, 'already_exists')) return;
      known.delete(world);
      logger.warn({ world, err: messageOf(error) }, 'a world could not be noted; its next event brings it');
    }
  };
  const noting = new Set<Promise<void>>();
  const noteOnce = (world: string): void => {
    if (known.has(world)) return;
    known.add(world);
    const noted = note(world).finally(() => noting.delete(noted));
    noting.add(noted);
  };
  const unfollow = log.onCommit(({ events }) => {
    for (const event of events) {
      noteOnce(event.world);
      // Whatever comes after that is in it again.
      if (event.type === 'system.world_deleted') known.delete(event.payload['world'] as string);
    }
  });

  /** Of the last events, the newest first: the worlds that they are in and that were not deleted after them. */
  const noteLastWorlds = async (): Promise<void> => {
    const gone = new Set<string>();
    let left = BEHIND;
    for (let before = log.head() + 1; ;) {
      const { data } = await log.query({ before, order: 'desc', limit: READ_EVENTS });
      for (const event of data) {
        if (!gone.has(event.world)) noteOnce(event.world);
        if (event.type === 'system.world_deleted') gone.add(event.payload['world'] as string);
        left = { events: left.events - 1, bytes: left.bytes - JSON.stringify(event.payload).length };
      }
      const last = data.at(-1);
      if (last === undefined || left.events <= 0 || left.bytes <= 0) return;
      before = last.position;
    }
  };

  /** What stands in the way of removing it. */
  const contentsOf = async (world: string): Promise<readonly string[]> => {
    const [agents, rooms, others] = await Promise.all([
      listBelow(records, AGENT_TABLE, [world], { limit: 1 }),
      listBelow(records, ROOM_TABLE, [world], { limit: 1 }),
      holds(world),
    ]);
    return [...others, ...(agents.length > 0 ? ['agents'] : []), ...(rooms.length > 0 ? ['rooms'] : [])];
  };

  return {
    create: async ({ world, name }, options = {}) => {
      const written = await namedTaken(
        writer.write(
          async (intended) => {
            const told = intendedPayload(intended, 'system.world_created');
            const found = await records.get(WORLD_TABLE.name, world);
            const row: WorldRow = {
              id: world,
              name: told.name ?? null,
              created: true,
              created_at: clock.now(),
            };
            if (found !== undefined && asWorld(found).created)
              throw new CrucibleError('already_exists', 'the world was made before');
            const { id, ...set } = row;
            return {
              change: {
                events: intended,
                mutations: [
                  found === undefined
                    ? { op: 'create', table: WORLD_TABLE.name, row: asRow(row) }
                    : { op: 'patch', table: WORLD_TABLE.name, id, when: { created: false }, set },
                ],
              },
              answer: { world: asRow(row) },
            };
          },
          {
            ...options,
            origin: originOfWorlds(),
            intended: [
              {
                type: 'system.world_created',
                payload: { world, ...(name !== undefined && { name }) },
                subject: worldSubject(world),
              },
            ],
          },
        ),
        `The world ${JSON.stringify(world)} has been made already.`,
      );
      known.add(world);
      return worldView(asWorld(answered(written.answer, 'world')));
    },

    list: async (visible, { after = '', limit }) => {
      const rows =
        visible === undefined
          ? await records.list(WORLD_TABLE.name, { after, limit })
          : (await records.getMany(WORLD_TABLE.name, visible.toSorted()))
              .filter(({ id }) => id > after)
              .slice(0, limit);
      await log.settled();
      return rows.map((row) => worldView(asWorld(row)));
    },

    remove: async (world) => {
      if (world === DEFAULT_WORLD)
        throw new CrucibleError('conflict', 'The default world cannot be deleted.');
      await writer.write(
        async (intended) => {
          if ((await records.get(WORLD_TABLE.name, world)) === undefined)
            throw new CrucibleError('not_found', `There is no world ${JSON.stringify(world)}.`);
          const contents = await contentsOf(world);
          if (contents.length > 0)
            throw new CrucibleError('conflict', `The world ${world} still holds ${contents.join(', ')}.`, {
              hint: 'Remove what it holds first.',
            });
          return {
            change: {
              events: intended,
              mutations: [{ op: 'remove', table: WORLD_TABLE.name, id: world }],
            },
          };
        },
        {
          origin: originOfWorlds(),
          intended: [{ type: 'system.world_deleted', payload: { world }, subject: worldSubject(world) }],
        },
      );
    },

    start: async () => {
      try {
        const [last] = (await log.query({ order: 'desc', limit: 1 })).data;
        // One that has ended in good order has waited for its notes.
        if (last?.type === 'system.shutdown') return;
        await noteLastWorlds();
        await Promise.all(noting);
      } catch (error) {
        logger.warn({ err: messageOf(error) }, 'the worlds of the last events could not be looked at');
      }
    },

    stop: async () => {
      unfollow();
      await Promise.all(noting);
    },
  };
};
