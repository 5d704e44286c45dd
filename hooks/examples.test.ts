import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { catalogue } from '../src/events/catalogue.ts';
import type { CrucibleEvent } from '../src/events/envelope.ts';
import { compileFilters } from '../src/events/filters/index.ts';
import { compileTemplate } from '../src/events/template.ts';
import type { JsonObject, JsonValue } from '../src/kernel/json.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createSandbox } from '../src/sandbox/create.ts';
import type { HookDefinition } from './definition.ts';
import { matchingFilters } from './registry/filters.ts';
import { createHookValidator, formatIssue } from './validate.ts';

const examples = fileURLToPath(new URL('../examples/', import.meta.url));
const root = path.join(examples, 'hooks');
const files = (await readdir(root)).filter((file) => file.endsWith('.md'));
const sandbox = createSandbox({ runners: 1, logger: silentLogger });
// Whether a name may be reached is not what is tested here, and the test must not ask a name server.
const validator = createHookValidator({ catalogue, sandbox, egress: { check: async () => undefined } });

afterAll(() => sandbox.close());

const read = async (file: string): Promise<HookDefinition> => {
  const text = await readFile(path.join(root, file), 'utf8');
  const candidate = await validator.readText({ text, place: { root, folder: root }, worlds: ['default'] });
  const { issues } = await validator.probe(candidate);
  expect(issues.map((issue) => formatIssue(file, issue))).toEqual([]);
  if (candidate.hook === undefined) throw new Error(`${file} is not a hook`);
  return candidate.hook.definition;
};

const eventOf = ({
  type,
  payload = {},
}: {
  readonly type?: JsonValue;
  readonly payload?: JsonValue;
}): CrucibleEvent => ({
  id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  type: typeof type === 'string' ? type : '',
  version: '1.0.0',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: null,
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
  world: 'default',
  room: null,
  payload: payload as JsonObject,
  position: 1,
  timestamp: '2026-11-24T10:30:00.123Z',
});

const imported = (payload: JsonObject): CrucibleEvent => eventOf({ type: 'custom.note.imported', payload });

describe('the example hooks', () => {
  it('are all here', () => {
    expect(files.toSorted()).toEqual(['auto-tag-notes.md', 'note-journal.md', 'notify-important.md']);
  });

  it.each(files)(
    '%s is valid, is called as its file, says what it does, and passes its own tests',
    async (file) => {
      const hook = await read(file);
      expect(`${hook.name}.md`).toBe(file);
      expect(hook.documentation).toContain('# ');
      const filters = compileFilters(matchingFilters(hook), catalogue);
      const verdicts = hook.tests.map(({ event }) => filters.match(eventOf(event)).matched);
      expect(verdicts).toEqual(hook.tests.map(({ expect: expected }) => expected['matched']));
      expect(new Set(verdicts).size).toBe(2);
    },
  );

  it('auto-tag-notes finds tags in each of the example notes', async () => {
    const { action } = await read('auto-tag-notes.md');
    if (action.type !== 'script') throw new Error('auto-tag-notes has no script');
    const tagsOf = async (payload: JsonObject): Promise<JsonValue> => {
      const input = { event: imported(payload) as unknown as JsonObject, inputs: action.inputs ?? null };
      const result = await sandbox.run({
        source: action.source,
        name: 'auto-tag-notes.js',
        input,
        capabilities: {},
        timeoutMs: 10_000,
      });
      return result.kind === 'returned' ? result.value : result.message;
    };
    const notes = path.join(examples, 'notes');
    const text = await readFile(path.join(notes, 'spaced-repetition.md'), 'utf8');
    expect(await tagsOf({ title: 'Spaced repetition', text, tags: ['#Learning'] })).toMatchObject({
      output: { tags: expect.arrayContaining(['#learning']) },
    });
    for (const note of await readdir(notes)) {
      const found = await tagsOf({ title: note, text: await readFile(path.join(notes, note), 'utf8') });
      const { tags = [] } = (found as { output?: { tags?: string[] } }).output ?? {};
      expect({ note, some: tags.length > 0, tags: tags.every((tag) => /^#\p{L}/u.test(tag)) }).toEqual({
        note,
        some: true,
        tags: true,
      });
    }
    expect(await tagsOf({ title: 'x', text: 'No code: ```\n#include <a>\n``` but #real' })).toEqual({
      output: { tags: ['#real'] },
    });
    expect(await tagsOf({ title: 'x' })).toEqual({ output: { tags: [] } });
  });

  it('notify-important says what is important, by its title or else its id', async () => {
    const { action } = await read('notify-important.md');
    if (action.type !== 'http') throw new Error('notify-important sends nothing');
    const body = compileTemplate(action.body ?? null, { allowSecrets: true });
    const event = imported({ title: 'Attention', tags: ['#important'] });
    expect(body.render({ event })).toEqual({ title: 'Important note', message: 'Attention' });
    const tagged = eventOf({ type: 'memory.tagged', payload: { id: 'msg_1', tag: '#important' } });
    expect(body.render({ event: tagged })).toEqual({ title: 'Important note', message: 'msg_1' });
  });

  it('note-journal writes one line a note, whatever its title holds', async () => {
    const { action } = await read('note-journal.md');
    if (action.type !== 'shell' || action.shell === undefined) throw new Error('note-journal has no script');
    expect(action.cwd).toBe(root.replace(/\/$/, ''));
    const cwd = await mkdtemp(path.join(os.tmpdir(), 'note-journal-'));
    try {
      const run = promisify(execFile);
      for (const title of ['Attention', '$(touch evil) `touch evil` "; touch evil; "', 'two\nlines', '%s %d'])
        await run('/bin/sh', ['-c', action.shell], {
          cwd,
          env: {
            ...action.env,
            PATH: process.env['PATH'],
            CRUCIBLE_EVENT_TIMESTAMP: '2026-11-24T10:30:00.123Z',
            CRUCIBLE_EVENT_ID: 'evt_1',
            CRUCIBLE_EVENT_PAYLOAD_TITLE: title,
          },
        });
      expect(await readdir(cwd)).toEqual(['note-journal.txt']);
      const lines = (await readFile(path.join(cwd, 'note-journal.txt'), 'utf8')).split('\n');
      expect(lines.map((line) => line.split('\t')[2])).toEqual([
        'Attention',
        '$(touch evil) `touch evil` "; touch evil; "',
        'two lines',
        '%s %d',
        undefined,
      ]);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});
