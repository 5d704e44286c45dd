import type { Issue } from '../kernel/errors.ts';

/** A path below another one; the empty one is that one itself. */
export const below = (path: string, inner: string): string => (inner === '' ? path : `${path}.${inner}`);

const placed = (issue: Issue, path: string): Issue => ({ ...issue, path });

/** Issues of a part, as issues of the whole in which it stands at `path`. */
export const issuesBelow = (path: string, issues: readonly Issue[]): readonly Issue[] =>
  issues.map((issue) => placed(issue, below(path, issue.path)));
