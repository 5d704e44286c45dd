import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anchorsOf, brokenLinks, linksOf, markdownFiles } from '../support/markdown-links.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

describe('the Markdown files of this repository', () => {
  it('link only to files and headings that exist', () => {
    expect(brokenLinks(ROOT)).toEqual([]);
  });

  it('are found: the README and the documents among them, nothing that is installed', () => {
    const files = markdownFiles(ROOT).map((file) => file.slice(ROOT.length + 1));
    expect(files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', join('docs', 'README.md')]));
    expect(files.filter((file) => file.includes('node_modules'))).toEqual([]);
  });
});

describe('the check itself', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'crucible-links-'));
    mkdirSync(join(root, 'docs'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const write = (name: string, text: string): void => writeFileSync(join(root, name), text);

  it.each([
    ['a missing file', '[x](docs/missing.md)', 'there is no such file'],
    ['a missing heading', '[x](docs/page.md#nowhere)', 'there is no such heading'],
    ['a missing heading of its own', '# One\n[x](#two)', 'there is no such heading'],
    ['a reference', '[x][y]\n\n[y]: ./missing.md', 'there is no such file'],
    ['an image with a title', '![x](missing.png "Picture")', 'there is no such file'],
    ['angle brackets', '[x](<missing.md>)', 'there is no such file'],
    ['a way out', '[x](../../etc/hosts)', 'leads out of the repository'],
    ['an absolute path', '[x](/docs/page.md)', 'is absolute: it leads elsewhere on every machine and site'],
    ['an empty target', '[x]()', 'is empty'],
    ['a broken escape', '[x](%zz.md)', 'is not a well-formed address'],
  ])('reports %s', (_, text, reason) => {
    write('docs/page.md', '# Here\n');
    write('README.md', text);
    expect(brokenLinks(root)).toEqual([expect.objectContaining({ reason })]);
  });

  it('says where', () => {
    write('README.md', '# One\n\n```md\n[no](link.md)\n```\n\nSee [x](missing.md).\n');
    expect(brokenLinks(root)).toEqual([
      { at: 'README.md:7', target: 'missing.md', reason: 'there is no such file' },
    ]);
  });

  it('accepts what is right, and leaves code and other sites alone', () => {
    write('docs/page.md', '## `crucible.yaml`, and *more* (2)\n\n## Twice\n\n## Twice\n');
    write(
      'README.md',
      [
        '[a](docs/page.md#crucibleyaml-and-more-2) [b](docs/page.md#twice-1) [c](docs) [d](https://example.org/x.md)',
        '[e](mailto:a@example.org) `[f](missing.md)` [[wiki link]] ``[g](`missing.md)``',
        '~~~',
        '[h](missing.md)',
        '~~~',
      ].join('\n'),
    );
    expect(brokenLinks(root)).toEqual([]);
  });

  it('reads anchors as GitHub makes them', () => {
    const text =
      '# A & B\n```sh\n# not a heading\n```\n### [Link](x.md) to it ###\n<a id="own"></a>\n# snake_case\n';
    expect([...anchorsOf(text)]).toEqual(['a--b', 'link-to-it', 'snake_case', 'own']);
  });

  it('finds several links on a line, with parentheses in them', () => {
    expect(linksOf('[a](x_(y).md), [b](z.md "t")').map(({ target }) => target)).toEqual(['x_(y).md', 'z.md']);
  });
});
