import { CrucibleError } from '../errors.ts';

/** The error that the work ends with; an answer, or an error that is not of the domain, is a failure of the test. */
export const failure = async (work: Promise<unknown>): Promise<CrucibleError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof CrucibleError) return error;
    throw error;
  }
  throw new Error('It did not fail');
};
