/** Writes `docs/reference/event-sources.md`: `npm run docs:sources`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sourcesPage } from './event-sources.ts';

await writeFile(join(import.meta.dirname, '../docs/reference/event-sources.md'), sourcesPage());
