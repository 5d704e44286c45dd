import { CrucibleError, isCrucibleError, type Issue } from '../kernel/errors.ts';
import type { Egress } from '../egress/egress.ts';
import type { EventFilter } from '../events/filter.ts';
import { parseFilters } from '../events/filters/index.ts';
import { readInput, type ReadInput } from './input.ts';

/** An input that nothing is wrong with, its filters in canonical form. */
export type JudgedInput = Omit<ReadInput, 'filters'> & { readonly filters: readonly EventFilter[] };

/**
 * Everything that is wrong with an input, at once.
 * @throws CrucibleError `egress_denied` when the address is all that is wrong, else `invalid`
 */
export async function judge(input: unknown, egress: Egress): Promise<JudgedInput> {
  const given = isObject(input) ? input : {};
  const { value, issues: shape } = readInput(input);
  const parsed = parseFilters(given['filters'], 'filters');
  const issues: Issue[] = isObject(input) ? [...shape, ...parsed.issues] : [...shape];

  let denied: CrucibleError | undefined;
  const url = given['url'];
  if (typeof url === 'string' && !issues.some(({ path }) => path === 'url')) {
    try {
      await egress.check(url);
    } catch (error) {
      if (!isCrucibleError(error, 'egress_denied')) throw error;
      denied = error;
    }
  }
  if (denied !== undefined) {
    const issue: Issue = {
      path: 'url',
      message: denied.message,
      ...(denied.hint === undefined ? {} : { hint: denied.hint }),
    };
    if (issues.length === 0) {
      throw new CrucibleError('egress_denied', denied.message, {
        issues: [issue],
        ...(denied.hint === undefined ? {} : { hint: denied.hint }),
      });
    }
    issues.push(issue);
  }
  if (value === undefined || issues.length > 0) {
    throw new CrucibleError('invalid', 'The webhook is not valid.', { issues });
  }
  return { ...value, filters: parsed.filters };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
