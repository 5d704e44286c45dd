import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { createRouter } from '../router/router.ts';
import { routesOf } from '../router/routes.ts';
import { fakeServices } from '../router/testing/fake-services.ts';
import { catalogue } from '../src/events/catalogue.ts';
import { sourcesPage, SOURCES, type Source } from './event-sources.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type Caused = Exclude<Source, { readonly later: string }>;
const entries = Object.entries<Source>(SOURCES);
const caused = entries.filter((entry): entry is [string, Caused] => 'test' in entry[1]);

test('the page on disk is what the table says (else run npm run docs:sources)', () => {
  expect(read('docs/reference/event-sources.md')).toBe(sourcesPage());
});

test('every type of the catalogue has its source, and nothing else has', () => {
  expect(entries.map(([type]) => type).toSorted()).toEqual(
    catalogue
      .list()
      .map(({ type }) => type)
      .toSorted(),
  );
});

test('those that nothing causes yet are these', () => {
  expect(entries.filter(([, source]) => 'later' in source).map(([type]) => type)).toEqual([
    'flow.started',
    'flow.step_completed',
    'flow.completed',
    'flow.failed',
    'flow.cancelled',
  ]);
});

describe('a type that can happen', () => {
  const routes = new Set(
    routesOf(createRouter(fakeServices().services)).map(({ method, path }) => `${method} ${path}`),
  );

  it.each(caused)('%s names routes that there are, or a cause', (_type, { routes: named, cause }) => {
    expect(named.filter((route) => !routes.has(route))).toEqual([]);
    expect(named.length > 0 || cause !== undefined).toBe(true);
  });

  it.each(caused)('%s is seen by a test of that title, in whose file it stands', (type, source) => {
    const text = read(source.test.file);
    expect(text).toContain(type);
    const titles = text.split('\n').filter((line) => /(?:\(|^\s*)['"`]/.test(line));
    expect(titles.some((line) => line.includes(source.test.title))).toBe(true);
  });
});
