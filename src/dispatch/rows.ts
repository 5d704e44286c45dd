import type { Row } from '../log/records.ts';
import type { Attempt, Run } from './run.ts';

// Rows of these tables are written by this folder alone, in these shapes: reading them back needs no second check.

export const runFrom = (row: Row): Run => row as unknown as Run;

export const attemptFrom = (row: Row): Attempt => row as unknown as Attempt;
