import type { PlantedFault } from './faults.ts';

/** The source with the edit made. Pure. @throws Error when what is to be replaced does not stand there exactly once */
export const planted = (source: string, { file, find, instead }: PlantedFault['edits'][number]): string => {
  const [before, after, ...others] = source.split(find);
  if (before === undefined || after === undefined || others.length > 0)
    throw new Error(`${file} has ${source.split(find).length - 1} times, and must have once: ${find}`);
  return `${before}${instead}${after}`;
};
