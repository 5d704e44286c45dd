import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const CHILD = fileURLToPath(new URL('../../support/log-child.ts', import.meta.url));
const ROUNDS = 4;

interface Line {
  readonly open?: number;
  readonly acknowledged?: readonly (readonly [string, number])[];
  readonly event?: readonly [string, number, string];
  readonly row?: string;
  readonly events?: number;
  readonly head?: number;
  readonly failed?: string;
  readonly message?: string;
}

const start = (directory: string, mode: string): ChildProcess =>
  spawn(execPath, [CHILD, directory, mode], { stdio: ['ignore', 'pipe', 'inherit'] });

const linesOf = async function* (child: ChildProcess): AsyncGenerator<Line> {
  if (child.stdout === null) throw new Error('The child has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    // A line that the kill has cut off tells nothing.
    if (line.endsWith('}')) yield JSON.parse(line) as Line;
  }
};

const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
};

test('killed while it appends and opened again: everything acknowledged is there, whole, and without a gap', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'crucible-kill-'));
  try {
    const acknowledged = new Map<string, number>();
    const requests = new Set<string>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const child = start(directory, 'append');
      let answers = 0;
      for await (const line of linesOf(child)) {
        expect(line).not.toHaveProperty('failed');
        for (const [id, position] of line.acknowledged ?? []) acknowledged.set(id, position);
        if (line.row !== undefined) requests.add(line.row);
        if (line.acknowledged !== undefined) answers += 1;
        // Killed without waiting; what it still tells is counted.
        if (answers === 40 * round) child.kill('SIGKILL');
      }
    }
    const stored = new Map<string, number>();
    const rows = new Map<string, number>();
    const times: string[] = [];
    let head = 0;
    for await (const line of linesOf(start(directory, 'read'))) {
      expect(line).not.toHaveProperty('failed');
      if (line.event !== undefined) {
        stored.set(line.event[0], line.event[1]);
        times.push(line.event[2]);
      }
      if (line.row !== undefined) rows.set(line.row, line.events ?? 0);
      head = line.head ?? head;
    }
    expect([...stored.values()]).toEqual(Array.from({ length: head }, (_, i) => i + 1));
    expect(times).toEqual(times.toSorted());
    for (const [id, position] of acknowledged) expect(stored.get(id)).toBe(position);
    for (const id of requests) expect(rows.has(id)).toBe(true);
    // Events and rows of one request stand together or not at all, acknowledged or not.
    expect([...rows.values()].reduce((sum, events) => sum + events, 0)).toBe(head);
    for (const id of rows.keys()) expect(stored.has(id)).toBe(true);
    expect(acknowledged.size).toBeGreaterThan(100);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a second process is told that the directory is in use, and which', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'crucible-lock-'));
  const holder = start(directory, 'hold');
  try {
    for await (const line of linesOf(holder)) {
      expect(line).toEqual({ open: 0 });
      break;
    }
    const second: Line[] = [];
    for await (const line of linesOf(start(directory, 'read'))) second.push(line);
    expect(second).toEqual([{ failed: 'data_dir_locked', message: expect.stringContaining(directory) }]);
  } finally {
    await killed(holder);
    rmSync(directory, { recursive: true, force: true });
  }
});
