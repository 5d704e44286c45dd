import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { catalogue } from '../src/events/catalogue.ts';
import type { CrucibleEvent } from '../src/events/envelope.ts';
import type { EventFilter } from '../src/events/filter.ts';
import { compileFilters } from '../src/events/filters/index.ts';
import { compileTemplate } from '../src/events/template.ts';
import type { JsonObject } from '../src/kernel/json.ts';
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

describe('the guide to events says what is so', async () => {
  const guide = await readFile(join(import.meta.dirname, '../docs/guides/events.md'), 'utf8');
  const bodies = [...guide.matchAll(/-d '(.*?)'\n```/gs)].map(
    ([, body]) => JSON.parse(body ?? '') as JsonObject,
  );
  const blocks = [...guide.matchAll(/```json\n(.*?)```/gs)].map(
    ([, block]) => JSON.parse(block ?? '') as JsonObject,
  );

  test('it has the examples that the tests below look for', () => {
    expect([bodies.length, blocks.length]).toEqual([3, 2]);
  });

  test('what it publishes fits, and its misspelt type gets the hint', () => {
    const [good, misspelt] = bodies;
    expect(catalogue.normalizeType(good?.['type'] as string)).toBe('custom.note.imported');
    expect(() => catalogue.normalizeType(misspelt?.['type'] as string)).toThrow('custm.note');
    expect(catalogue.normalizeType({ type: 'Custom', event: 'NoteImported' })).toBe('custom.note_imported');
  });

  test('its filters are valid and match its event', () => {
    const [event, filter] = blocks as unknown as [CrucibleEvent, EventFilter];
    const published = { ...event, payload: bodies[0]?.['payload'] as JsonObject };
    const [, , query] = bodies;
    expect(compileFilters(query?.['filters'] as unknown as EventFilter[]).match(published)).toEqual({
      matched: true,
    });
    const alices = { ...published.payload, metadata: { author: 'alice' } };
    expect(compileFilters([filter]).match({ ...published, payload: alices })).toEqual({ matched: true });
    expect(compileFilters([filter]).match({ ...published, payload: alices, actor: 'key:bot' })).toEqual({
      matched: false,
    });
  });

  test('its template renders', () => {
    const yaml = /```yaml\n(.*?)```/s.exec(guide)?.[1] ?? '';
    const payload = bodies[0]?.['payload'] as JsonObject;
    expect(
      compileTemplate(parse(yaml) as JsonObject, { allowSecrets: false }).render({ event: { payload } }),
    ).toEqual({
      body: { title: 'Imported: Attention', words: 420, first: '#ai' },
    });
  });
});
