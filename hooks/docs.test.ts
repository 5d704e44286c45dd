import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../src/events/catalogue.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createSandbox } from '../src/sandbox/create.ts';
import { createHookValidator, formatIssue } from './validate.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const guide = await readFile(path.join(docs, 'guides/hooks.md'), 'utf8');
const reference = await readFile(path.join(docs, 'reference/hook-file.md'), 'utf8');
const fenced = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );

const sandbox = createSandbox({ runners: 1, logger: silentLogger });
const validator = createHookValidator({ catalogue, sandbox, egress: { check: async () => undefined } });
let root = '';

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'hooks-docs-'));
  const [script = ''] = fenced('js');
  await writeFile(path.join(root, 'count-words.js'), script);
});

afterAll(async () => {
  await sandbox.close();
  await rm(root, { recursive: true, force: true });
});

const issuesOf = async (text: string): Promise<readonly string[]> => {
  const candidate = await validator.readText({ text, place: { root, folder: root }, worlds: ['default'] });
  return (await validator.probe(candidate)).issues.map((issue) => formatIssue('greet.md', issue));
};

describe('the documents on hooks', () => {
  it('show hook files that are valid', async () => {
    const hooks = fenced('markdown');
    expect(hooks.length).toBeGreaterThanOrEqual(4);
    expect(await Promise.all(hooks.map(issuesOf))).toEqual(hooks.map(() => []));
  });

  it('show what is said of a wrong one', async () => {
    const [greet = ''] = fenced('markdown');
    const said = await issuesOf(greet.replace('trigger:', 'triger:'));
    expect(said).toHaveLength(2);
    expect(said.filter((line) => !guide.includes(line))).toEqual([]);
  });

  it('show a trigger and a condition that are valid', async () => {
    const [yaml = ''] = fenced('yaml');
    expect(
      await issuesOf(`---\nname: a\naction: { type: script, script: count-words.js }\n${yaml}---\n`),
    ).toEqual([]);
  });

  it('name every key', async () => {
    const unknown = { zzzzzzzzzzzzzzzz: 1 };
    const action = async (type: string) =>
      (await validator.readObject({ action: { type, ...unknown } }, ['default'])).issues;
    const options = {
      debounce: unknown,
      retry: unknown,
      rate_limit: unknown,
      concurrency: unknown,
      ...unknown,
    };
    const input = {
      trigger: unknown,
      condition: unknown,
      options,
      tests: [{ ...unknown, expect: unknown }],
      ...unknown,
    };
    const issues = [
      ...(await validator.readObject(input, ['default'])).issues,
      ...(await Promise.all(['script', 'shell', 'http', 'flow', 'webhook'].map(action))).flat(),
    ];
    const lists = issues.flatMap(({ hint }) => /^its keys are (.*)$/.exec(hint ?? '')?.[1] ?? []);
    const keys = [...new Set(lists.flatMap((list) => list.split(', ')))];
    expect(lists.length).toBeGreaterThanOrEqual(13);
    expect(keys.filter((key) => !new RegExp(`[\`. ]${key}\\b`).test(reference))).toEqual([]);
  });
});
