import type { EventFilter } from '../../src/events/filter.ts';
import type { HookDefinition } from '../definition.ts';

/**
 * What an event must be to match a hook: any of the trigger's filters, each together with the condition's `when`.
 * (`condition.script` is not matching: it runs inside the run.)
 */
export const matchingFilters = ({
  trigger,
  condition,
}: Pick<HookDefinition, 'trigger' | 'condition'>): readonly EventFilter[] => {
  const { when } = condition;
  if (when === undefined) return trigger.events;
  return trigger.events.map((filter) => ({
    ...filter,
    when: filter.when === undefined ? when : both(filter.when, when),
  }));
};

/** A line of their own: either may end in a comment. */
const both = (one: string, other: string): string => `(${one}\n) && (${other}\n)`;
