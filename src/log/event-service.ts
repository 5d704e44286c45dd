import { catalogue as standard, type Catalogue } from '../events/catalogue.ts';
import type { CustomTypes } from '../events/custom-types.ts';
import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import { parsePattern } from '../events/filters/event-pattern.ts';
import { compileFilters } from '../events/filters/index.ts';
import { jsonEquals } from '../events/filters/values.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Origin } from '../kernel/origin.ts';
import type { EventPage, EventQuery, Log } from './log.ts';
import { eventsOf, type PublishInput } from './publishing.ts';

export type { PublishInput };

export interface Published {
  readonly id: string;
  readonly position: number;
  readonly type: string;
  readonly correlation_id: string;
  readonly duplicate: boolean;
}

export interface EventService {
  /**
   * All or nothing; an issue's path names the index (`events.3.payload.title`). Actor, source, world, correlation come
   * from the current origin (`kernel/context.ts`).
   * @throws CrucibleError `reserved_type`, `unknown_event_type`, `schema_mismatch`, `invalid`, and those of `Log.append`
   */
  publish(
    inputs: readonly PublishInput[],
    options: {
      readonly idempotency?: { readonly scope: string; readonly key: string; readonly hash: string };
      /**
       * Of what the same run publishes again under the same id the first stands, whatever the second one holds: a retry
       * need not make the very same event.
       */
      readonly firstStands?: boolean;
    },
  ): Promise<readonly Published[]>;
  /** @throws CrucibleError `not_found` (also in a world that `worlds` lacks) */
  get(id: string, worlds: readonly string[] | undefined): Promise<CrucibleEvent>;
  /** `filters` are compiled here; types in any accepted spelling. */
  query(
    query: Omit<EventQuery, 'filters'> & { readonly filters?: readonly EventFilter[] },
  ): Promise<EventPage>;
  /** The story of an event, in order. @throws CrucibleError `not_found` */
  trace(
    id: string,
    page: { worlds?: readonly string[]; limit?: number; cursor?: string },
  ): Promise<EventPage>;
}

export interface EventServiceDeps {
  readonly log: Pick<Log, 'append' | 'get' | 'query' | 'trace'>;
  readonly newId: NewId;
  readonly catalogue?: Catalogue;
  /** What is registered for custom types; without it, nothing is. */
  readonly custom?: Pick<CustomTypes, 'judge'>;
  /** Who makes the request; `currentOrigin` but in tests. */
  readonly originOf?: () => Origin | undefined;
}

/** Publishing and reading events, on behalf of the current origin. */
export const createEventService = ({
  log,
  newId,
  catalogue = standard,
  custom,
  originOf = currentOrigin,
}: EventServiceDeps): EventService => {
  const visible = async (id: string, worlds: readonly string[] | undefined): Promise<CrucibleEvent> => {
    const event = await log.get(id);
    if (event !== undefined && (worlds === undefined || worlds.includes(event.world))) return event;
    throw new CrucibleError('not_found', `there is no event ${shown(id)}`);
  };

  const publish: EventService['publish'] = async (inputs, { idempotency, firstStands = false }) => {
    const origin = originOf();
    if (origin === undefined)
      throw new CrucibleError('internal', 'events were published outside of any request');
    const events = eventsOf(inputs, origin, { catalogue, custom, newId });
    const chosen = events.filter((_, index) => inputs[index]?.id !== undefined);
    const check = (event: NewEvent, stored: CrucibleEvent): void => {
      if (!(firstStands && isOfOneCause(event, stored))) checkSame(event, stored);
    };
    await checkChosen(chosen, log, check);
    const result = await log.append({
      events,
      ...(idempotency === undefined ? undefined : { idempotency }),
      ...(chosen.length === 0 ? undefined : { clientIds: true }),
    });
    // Two requests with one new id may pass the check together; the log then gives the second one the first one's event.
    for (const event of chosen) {
      const stored = result.events.find(({ id }) => id === event.id);
      if (stored !== undefined) check(event, stored);
    }
    return result.events.map(({ id, position, type, correlation_id }, index) => ({
      id,
      position,
      type,
      correlation_id,
      duplicate: result.duplicates[index] ?? false,
    }));
  };

  return {
    publish,
    get: visible,
    query: async ({ filters, types, source, ...rest }) => {
      const page: EventQuery = {
        ...rest,
        ...(types === undefined || types.length === 0
          ? undefined
          : { types: canonicalTypes(types, catalogue) }),
        ...(source === undefined ? undefined : { source: checkedSource(source) }),
        ...(filters === undefined || filters.length === 0
          ? undefined
          : { filters: compileFilters(filters, catalogue, { starMatchesReactions: true }) }),
      };
      return log.query(page);
    },
    trace: async (id, page) => {
      const event = await visible(id, page.worlds);
      return log.trace(event.correlation_id, page);
    },
  };
};

const shown = (id: string): string => (/^[\w-]{1,100}$/.test(id) ? id : 'of that id');

/** How many stored events are looked up at a time. */
const LOOKUPS = 32;

/** @throws CrucibleError `idempotency_key_reused` where one of the ids that the client chose is another event's */
const checkChosen = async (
  events: readonly NewEvent[],
  log: Pick<Log, 'get'>,
  check: (event: NewEvent, stored: CrucibleEvent) => void,
): Promise<void> => {
  for (let start = 0; start < events.length; start += LOOKUPS) {
    const some = events.slice(start, start + LOOKUPS);
    const stored = await Promise.all(some.map(({ id }) => log.get(id)));
    for (const [index, event] of some.entries()) {
      const known = stored[index];
      if (known !== undefined) check(event, known);
    }
  }
};

/** Made by the same one, because of the same event: nobody else's id can be taken for one's own. */
const isOfOneCause = (event: NewEvent, stored: CrucibleEvent): boolean =>
  stored.world === event.world && stored.actor === event.actor && stored.causation_id === event.causation_id;

const checkSame = (event: NewEvent, stored: CrucibleEvent): void => {
  const same =
    stored.world === event.world &&
    stored.type === event.type &&
    stored.subject === event.subject &&
    stored.room === event.room &&
    jsonEquals(stored.payload, event.payload);
  if (same) return;
  throw new CrucibleError('idempotency_key_reused', `the id ${event.id} was used for another event`, {
    hint: 'an id names one event for good; make a new one for another event',
  });
};

const canonicalTypes = (types: readonly string[], catalogue: Catalogue): readonly string[] => {
  const issues: Issue[] = [];
  const canonical = types.flatMap((type, index) => {
    const parsed = parsePattern(type, `types.${index}`, catalogue);
    if ('pattern' in parsed) return [parsed.pattern.text];
    issues.push(parsed.issue);
    return [];
  });
  if (issues.length > 0)
    throw new CrucibleError('unknown_event_type', issues[0]?.message ?? 'unknown event type', { issues });
  return canonical;
};

const SOURCE = /^(user|agent|system|external)(:.{1,512})?$/s;

const checkedSource = (source: string): string => {
  if (SOURCE.test(source)) return source;
  const message = 'must be user, agent, system or external, or one of them with an id: user:alice';
  throw new CrucibleError('invalid', `source ${message}`, { issues: [{ path: 'source', message }] });
};
