import { CrucibleError, isCrucibleError, type Issue } from './errors.ts';

/** A field of the request, as issues name it, and the looking up of what it names. */
export type Reference<T> = readonly [path: string, look: () => T | Promise<T>];

/**
 * Looks up what fields of a request name. What is not there makes the request `invalid` at that field, whereas
 * `not_found` is said of the thing itself that a request is about: its caller would take that for gone.
 * @throws CrucibleError `invalid` with all that is not there; else what looking up threw first
 */
export const allNamed = async <T extends readonly unknown[] | []>(references: {
  readonly [Place in keyof T]: Reference<T[Place]>;
}): Promise<T> => {
  const looked = await Promise.allSettled(references.map(async ([, look]) => look()));
  const issues: Issue[] = [];
  for (const [i, each] of looked.entries()) {
    if (each.status === 'fulfilled') continue;
    const { reason } = each as { reason: unknown };
    if (!isCrucibleError(reason, 'not_found')) throw reason;
    const { message, hint } = reason;
    issues.push({ path: references[i]?.[0] ?? '', message, ...(hint === undefined ? {} : { hint }) });
  }
  // In the same order, and all of them: nothing was rejected.
  if (issues.length === 0)
    return looked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])) as unknown as T;
  const hint = issues.length === 1 ? issues[0]?.hint : undefined;
  throw new CrucibleError('invalid', issues.map(({ message }) => message).join('; '), {
    issues,
    ...(hint === undefined ? {} : { hint }),
  });
};

/** The same for one field. */
export const named = async <T>(path: string, look: () => T | Promise<T>): Promise<T> => {
  const [found] = await allNamed<[T]>([[path, look]]);
  return found;
};
