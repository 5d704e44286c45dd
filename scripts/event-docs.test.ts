import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue } from '../src/events/catalogue.ts';
import { eventDocs } from './event-docs.ts';

const reference = join(import.meta.dirname, '../docs/reference');

test('the event reference on disk is what the schemas say (else run scripts/write-event-docs.ts)', async () => {
  const docs = eventDocs(catalogue);
  const onDisk = new Map<string, string>();
  for (const path of docs.keys()) onDisk.set(path, await readFile(join(reference, path), 'utf8'));
  expect(onDisk).toEqual(docs);
  const files = (await readdir(join(reference, 'events'))).map((name) => `events/${name}`);
  expect(files.filter((path) => !docs.has(path))).toEqual([]);
});
