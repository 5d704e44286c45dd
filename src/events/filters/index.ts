/** Filters over events: read, checked, compiled and explained. The form is `../filter.ts`, the compiled one `../compiled.ts`. */
import type { Issue } from '../../kernel/errors.ts';
import type { Catalogue } from '../catalogue.ts';
import { parseFilters } from './parse.ts';

export { compileFilters } from './compile.ts';
export { parseFilters } from './parse.ts';

/**
 * Everything that is wrong with filters as somebody wrote them (parsed JSON or YAML, of any shape). Empty: nothing.
 * @param path where they stand in the input, e.g. `trigger.events`; the issues' paths begin with it
 */
export const checkFilters = (filters: unknown, path: string, catalogue?: Catalogue): readonly Issue[] =>
  parseFilters(filters, path, catalogue).issues;
