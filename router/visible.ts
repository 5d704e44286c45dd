import { CrucibleError } from '../src/kernel/errors.ts';
import type { Caller } from './context.ts';

/** Whether something that lives in these worlds may be shown. */
export const isVisible = (caller: Caller, worlds: readonly string[]): boolean => {
  const { visible } = caller.scope;
  return visible === undefined || worlds.some((world) => visible.includes(world));
};

/**
 * What the caller may not see does not exist for it: the answer is the same as for an id that nobody has.
 * @throws CrucibleError `not_found`
 */
export const assertVisible = (caller: Caller, worlds: readonly string[], what: string, id: string): void => {
  if (!isVisible(caller, worlds)) throw new CrucibleError('not_found', `There is no ${what} ${id}`);
};
