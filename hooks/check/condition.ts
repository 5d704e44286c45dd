import type { Catalogue } from '../../src/events/catalogue.ts';
import { checkFilters } from '../../src/events/filters/index.ts';
import type { Issue } from '../../src/kernel/errors.ts';
import { matchingFilters } from '../registry/filters.ts';
import type { ReadHook } from '../read/hook.ts';

/** Whether `condition.when` fits every event that the trigger names. Its types depend on them, so it is checked with each. */
export const checkCondition = (
  { trigger, condition }: ReadHook['draft'],
  catalogue: Catalogue,
): readonly Issue[] => {
  const { when } = condition;
  if (when === undefined || trigger.events.length === 0) return [];
  const types = [...new Set(trigger.events.map(({ event_type }) => event_type))];
  const found = types.map((type) => checkFilters([{ event_type: type, when }], '', catalogue));
  const [first = []] = found;
  // Said once where every type says the same, else with the type.
  const same = found.every((issues) => textOf(issues) === textOf(first));
  const wrong = same
    ? first.map(at(''))
    : found.flatMap((issues, index) => issues.map(at(`on ${types[index]}: `)));
  if (wrong.length > 0) return wrong;
  // Each alone fits; together they may still be too long.
  return checkFilters(matchingFilters({ trigger, condition }), '', catalogue).map(
    at("together with the filter's own `when`: "),
  );
};

const textOf = (issues: readonly Issue[]): string => issues.map(({ message }) => message).join('\n');

const at =
  (prefix: string) =>
  (issue: Issue): Issue => ({ ...issue, path: 'condition.when', message: `${prefix}${issue.message}` });
