import type { Command } from 'commander';
import { wholeNumber } from '../input.ts';

/** What every list can be asked. */
export const withPages = (command: Command): Command =>
  command
    .option('-n, --limit <number>', 'how many on a page', wholeNumber)
    .option('--cursor <cursor>', 'the page after this one, as the page before said')
    .option('--all', 'every page');
