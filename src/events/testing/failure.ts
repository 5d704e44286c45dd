import { CrucibleError } from '../../kernel/errors.ts';

/** The error of the domain that the work ends with; fails where it ends well or with another. */
export const failureOf = (work: () => unknown): CrucibleError => {
  try {
    work();
  } catch (error) {
    if (error instanceof CrucibleError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};
