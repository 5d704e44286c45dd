import type { Catalogue } from '../../src/events/catalogue.ts';
import { parseFilters } from '../../src/events/filters/index.ts';
import type { Issue } from '../../src/kernel/errors.ts';
import type { HookDefinition } from '../definition.ts';
import { readFields } from './fields.ts';
import * as schema from './schema.ts';

export interface ReadTrigger {
  readonly trigger: HookDefinition['trigger'];
  readonly issues: readonly Issue[];
}

const EVENTS = 'trigger.events';

/** Its filters in canonical form; those that cannot be read are left out. */
export const readTrigger = (value: unknown, catalogue: Catalogue): ReadTrigger => {
  const { fields, issues } =
    value === undefined
      ? { fields: {}, issues: [{ path: 'trigger', message: 'is missing' }] }
      : readFields(value, 'trigger', 'a trigger', {
          timing: schema.timing,
          phase: schema.phase,
          order: schema.order,
          events: schema.events,
        });
  const events =
    fields.events === undefined
      ? { filters: [], issues: [] }
      : parseFilters(fields.events, EVENTS, catalogue);
  return {
    trigger: {
      timing: fields.timing ?? 'post',
      phase: fields.phase ?? 'validate',
      order: fields.order ?? 100,
      events: events.filters,
    },
    issues: [...issues, ...events.issues],
  };
};
