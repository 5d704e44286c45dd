import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { FileRow } from '../../src/files/row.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { textOf, vault } from '../support/files.ts';

const CHILD = fileURLToPath(new URL('../support/files-child.ts', import.meta.url));
const NOTES = 240;

interface Line {
  readonly commit?: number;
  readonly event?: string;
  readonly payload?: JsonObject;
  readonly row?: FileRow;
  readonly note?: JsonObject;
  readonly done?: true;
  readonly failed?: string;
}

const start = (directory: string, watched: string): ChildProcess =>
  spawn(execPath, [CHILD, directory, watched], { stdio: ['ignore', 'pipe', 'inherit'] });

const linesOf = async function* (child: ChildProcess): AsyncGenerator<Line> {
  if (child.stdout === null) throw new Error('The child has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    // A line that the kill has cut off tells nothing.
    if (line.endsWith('}')) yield JSON.parse(line) as Line;
  }
};

/** Lets it work for some commits, then kills it. @returns whether it was still at work */
const killedAfter = async (commits: number, directory: string, watched: string): Promise<boolean> => {
  const child = start(directory, watched);
  let seen = 0;
  let done = false;
  for await (const line of linesOf(child)) {
    expect(line).not.toHaveProperty('failed');
    if (line.commit !== undefined) seen += 1;
    if (seen === commits) child.kill('SIGKILL');
    done ||= line.done === true;
  }
  return !done;
};

const finished = async (directory: string, watched: string): Promise<readonly Line[]> => {
  const lines: Line[] = [];
  for await (const line of linesOf(start(directory, watched))) lines.push(line);
  expect(lines.at(-1)).toEqual({ done: true });
  return lines;
};

const told = (lines: readonly Line[], type: string): readonly JsonObject[] =>
  lines.flatMap(({ event, payload }) => (event === type && payload !== undefined ? [payload] : []));

test('killed while it takes over files, again and again: no event stands twice, and none is missing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'crucible-files-kill-'));
  await using notes = await vault(
    Object.fromEntries(
      Array.from({ length: NOTES }, (_, i) => [`area ${i % 6}/${i}.md`, `note ${i}`] as const),
    ),
  );
  try {
    for (const commits of [1, 3, 2]) expect(await killedAfter(commits, directory, notes.path)).toBe(true);
    const first = await finished(directory, notes.path);
    const created = told(first, 'file.created').map(({ path }) => textOf(path));
    expect(created).toHaveLength(NOTES);
    expect(new Set(created).size).toBe(NOTES);
    expect(told(first, 'memory.created')).toHaveLength(NOTES);
    expect(told(first, 'file.processed')).toHaveLength(NOTES);
    expect(told(first, 'file.directory_created')).toHaveLength(6);

    // Now with something of everything to do.
    for (let i = 0; i < NOTES; i += 1) {
      const name = `area ${i % 6}/${i}.md`;
      if (i % 4 === 0) await notes.put(name, `note ${i}, revised`);
      if (i % 4 === 1) await rename(notes.at(name), notes.at(`area ${i % 6}/renamed ${i}.md`));
      if (i % 4 === 2) await unlink(notes.at(name));
    }
    for (const commits of [1, 2]) expect(await killedAfter(commits, directory, notes.path)).toBe(true);
    const lines = await finished(directory, notes.path);
    const quarter = NOTES / 4;
    expect(told(lines, 'file.created')).toHaveLength(NOTES);
    expect(told(lines, 'file.modified')).toHaveLength(quarter);
    expect(told(lines, 'file.renamed')).toHaveLength(quarter);
    expect(told(lines, 'file.deleted')).toHaveLength(quarter);
    expect(told(lines, 'file.processed')).toHaveLength(NOTES + 2 * quarter);
    expect(told(lines, 'memory.created')).toHaveLength(NOTES);
    expect(told(lines, 'memory.updated')).toHaveLength(2 * quarter);
    expect(told(lines, 'memory.deleted')).toHaveLength(quarter);
    // Rows, memories and the disk say the same.
    const rows = lines.flatMap(({ row }) => row ?? []);
    expect(rows).toHaveLength(NOTES - quarter);
    const byId = new Map(
      lines.flatMap(({ note }) => (note === undefined ? [] : [[textOf(note['memory']), note]])),
    );
    expect(byId.size).toBe(rows.length);
    for (const row of rows) {
      const number = Number(/(\d+)\.md$/.exec(row.path)?.[1]);
      expect(byId.get(row.memory_id ?? '')).toMatchObject({
        content: number % 4 === 0 ? `note ${number}, revised` : `note ${number}`,
        metadata: { file: { path: row.path } },
      });
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
