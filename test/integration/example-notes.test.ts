import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const DIR = new URL('../../examples/notes/', import.meta.url);

interface Note {
  readonly file: string;
  readonly front: Readonly<Record<string, unknown>>;
  readonly body: string;
}

const notes: readonly Note[] = readdirSync(DIR)
  .filter((file) => file.endsWith('.md'))
  .map((file) => {
    const text = readFileSync(new URL(file, DIR), 'utf8');
    const { front = '', body = '' } =
      /^---\n(?<front>[\s\S]*?)\n---\n(?<body>[\s\S]*)$/.exec(text)?.groups ?? {};
    return { file, front: (parse(front) ?? {}) as Record<string, unknown>, body };
  });

const tagsIn = (body: string): readonly string[] =>
  [...body.matchAll(/(?<=^|\s)#([a-z][a-z0-9-]*)/g)].map(([, tag = '']) => tag);
const linksIn = (body: string): readonly string[] =>
  [...body.matchAll(/\[\[([^\]]+)\]\]/g)].map(([, title = '']) => title);

describe('the example notes', () => {
  it('are a dozen or more, four of them important', () => {
    expect(notes.length).toBeGreaterThanOrEqual(12);
    const important = notes.filter(({ front }) => (front['tags'] as readonly string[]).includes('important'));
    expect(important.length).toBeGreaterThanOrEqual(4);
  });

  it.each(notes)('$file has front matter, tags and text that agree', ({ file, front, body }) => {
    expect(front).toEqual({
      title: expect.any(String),
      created: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
      tags: expect.any(Array),
    });
    const title = front['title'] as string;
    expect(basename(file, '.md')).toBe(title.toLowerCase().replaceAll(' ', '-'));
    expect(body).toContain(`# ${title}\n`);
    expect(tagsIn(body)).toEqual(front['tags']);
    const words = body.split(/\s+/).length;
    expect(words).toBeGreaterThan(150);
    expect(words).toBeLessThan(400);
  });

  it('link to each other, and to nothing that does not exist; each is linked to', () => {
    const titles = notes.map(({ front }) => front['title'] as string);
    const links = notes.flatMap(({ body }) => linksIn(body));
    expect(links.filter((link) => !titles.includes(link))).toEqual([]);
    expect(notes.filter(({ body }) => linksIn(body).length === 0).map(({ file }) => file)).toEqual([]);
    expect(titles.filter((title) => !links.includes(title))).toEqual([]);
  });
});
