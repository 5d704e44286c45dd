/** Writes `docs/reference/events.md` and a JSON Schema file for each event type: `node scripts/write-event-docs.ts`. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { catalogue } from '../src/events/catalogue.ts';
import { eventDocs } from './event-docs.ts';

const reference = join(import.meta.dirname, '../docs/reference');
const docs = eventDocs(catalogue);
await mkdir(join(reference, 'events'), { recursive: true });
for (const name of await readdir(join(reference, 'events')))
  if (!docs.has(`events/${name}`)) await rm(join(reference, 'events', name));
for (const [path, text] of docs) await writeFile(join(reference, path), text);
console.log(`${docs.size} files written to docs/reference`);
