import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The release, from the package.json above this file: one folder further up in `dist/` than in the source. */
export const readVersion = (): string => {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const path = join(dir, 'package.json');
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return '0.0.0';
};
