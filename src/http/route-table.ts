import type { RestMethod, Route } from '../../router/routes.ts';

/** What a method and a path lead to. */
export type Match =
  | { readonly kind: 'route'; readonly route: Route; readonly parameters: Readonly<Record<string, string>> }
  /** The path is known, the method is not among its own. */
  | { readonly kind: 'method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' }
  /** A segment is not percent-encoded UTF-8, or holds a NUL. */
  | { readonly kind: 'malformed' };

interface Entry {
  readonly route: Route;
  readonly segments: readonly string[];
  readonly parameters: number;
}

const isParameter = (segment: string): boolean => segment.startsWith('{') && segment.endsWith('}');

const fits = (entry: Entry, segments: readonly string[]): boolean =>
  entry.segments.length === segments.length &&
  entry.segments.every((segment, i) => (isParameter(segment) ? segments[i] !== '' : segment === segments[i]));

const decode = (segment: string): string | undefined => {
  try {
    const text = decodeURIComponent(segment);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
};

const parametersOf = (
  entry: Entry,
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined => {
  const parameters: Record<string, string> = {};
  for (const [i, segment] of entry.segments.entries()) {
    if (!isParameter(segment)) continue;
    const text = decode(segments[i] ?? '');
    if (text === undefined) return undefined;
    parameters[segment.slice(1, -1)] = text;
  }
  return parameters;
};

const allowed = (methods: Iterable<RestMethod>): readonly string[] => {
  const all = new Set<string>(methods);
  if (all.has('GET')) all.add('HEAD');
  return [...all.add('OPTIONS')].sort();
};

/**
 * The routes that an address leads to, of those that fit it, the most specific path first: those of that path alone, so
 * that `DELETE /memory/query` is a wrong method and no memory of this name.
 */
const leadingFrom = (fitting: readonly Entry[]): readonly Entry[] =>
  fitting.filter(({ route }) => route.path === fitting[0]?.route.path);

/**
 * Finds routes by method and path. Of the paths that fit, the one with the fewest parameters holds. Paths are compared
 * as they are: case matters, and so does a slash at the end.
 */
export const createRouteTable = (routes: readonly Route[]): ((method: string, path: string) => Match) => {
  const entries = routes
    .map((route): Entry => {
      const segments = route.path.split('/');
      return { route, segments, parameters: segments.filter(isParameter).length };
    })
    .sort((a, b) => a.parameters - b.parameters);
  const exact = new Map(
    entries
      .filter((entry) => entry.parameters === 0)
      .map((entry) => [`${entry.route.method} ${entry.route.path}`, entry]),
  );
  return (given, path) => {
    const method = given === 'HEAD' ? 'GET' : given;
    const direct = exact.get(`${method} ${path}`);
    if (direct !== undefined) return { kind: 'route', route: direct.route, parameters: {} };
    const segments = path.split('/');
    const leading = leadingFrom(entries.filter((entry) => fits(entry, segments)));
    if (leading.length === 0) return { kind: 'none' };
    const entry = leading.find((candidate) => candidate.route.method === method);
    if (entry === undefined)
      return { kind: 'method', allow: allowed(leading.map((candidate) => candidate.route.method)) };
    const parameters = parametersOf(entry, segments);
    return parameters === undefined
      ? { kind: 'malformed' }
      : { kind: 'route', route: entry.route, parameters };
  };
};
