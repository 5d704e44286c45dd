import type { z } from 'zod';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { Issue } from '../src/kernel/errors.ts';

type ZodIssue = z.core.$ZodIssue;

/** More would drown the reader, and let a request make the answer huge. */
const MAX_ISSUES = 100;

const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join('.');

const toIssues = (issue: ZodIssue): Issue[] => {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: pathOf([...issue.path, key]),
      message: 'There is no such field here',
      hint: 'Remove it, or check its spelling.',
    }));
  }
  return [{ path: pathOf(issue.path), message: issue.message }];
};

/** Zod's findings in our words, each with its path. */
export const issuesOf = (issues: readonly ZodIssue[]): readonly Issue[] => issues.flatMap(toIssues);

/** @returns `invalid` with every finding (the first hundred of very many) */
export const invalidInput = (issues: readonly Issue[]): CrucibleError => {
  const [first] = issues;
  const where = first === undefined || first.path === '' ? '' : ` at ${first.path}`;
  const more = issues.length > 1 ? `, and ${issues.length - 1} more` : '';
  return new CrucibleError('invalid', `${first?.message ?? 'The request is not valid'}${where}${more}`, {
    issues: issues.slice(0, MAX_ISSUES),
  });
};
