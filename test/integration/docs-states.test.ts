import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RUN_STATES } from '../../src/dispatch/run.ts';
import { initialState } from '../../src/dispatch/new-run.ts';
import { allows } from '../../src/dispatch/states.ts';

const page = readFileSync(new URL('../../docs/architecture/README.md', import.meta.url), 'utf8');
const diagram = /```mermaid\nstateDiagram-v2\n(?<text>[\s\S]*?)```/.exec(page)?.groups?.['text'] ?? '';

interface Arrow {
  readonly from: string;
  readonly to: string;
}

const arrows: readonly Arrow[] = [...diagram.matchAll(/^\s*(\S+) --> (\w+)/gm)].map(
  ([, from = '', to = '']) => ({
    from,
    to,
  }),
);

const isState = (word: string): word is (typeof RUN_STATES)[number] =>
  (RUN_STATES as readonly string[]).includes(word);

describe('the states of a run in docs/architecture/README.md', () => {
  it('are those of the program, in the diagram and in the table', () => {
    const drawn = new Set(arrows.flatMap(({ from, to }) => [from, to]).filter((word) => word !== '[*]'));
    expect([...drawn].toSorted()).toEqual([...RUN_STATES].toSorted());
    const table = /^\| state \| meaning \|\n(?<rows>(?:\|.*\n)+)/m.exec(page)?.groups?.['rows'] ?? '';
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, state]) => state);
    expect(listed).toEqual([...RUN_STATES]);
  });

  it('change only as the program allows', () => {
    const wrong = arrows.filter(
      ({ from, to }) => from !== '[*]' && !(isState(from) && isState(to) && allows(from, to)),
    );
    expect(wrong).toEqual([]);
  });

  it('begin where a match can begin', () => {
    const target = { enabled: true, paused: false };
    const event = { depth: 0 };
    const begins = [
      initialState(event, target, { matched: true }),
      initialState(event, { ...target, paused: true }, { matched: true }),
      initialState(event, { ...target, enabled: false }, { matched: true }),
      initialState(event, target, { matched: 'error', message: 'no' }),
    ].map(({ state }) => state);
    const drawn = arrows.filter(({ from }) => from === '[*]').map(({ to }) => to);
    expect(drawn.toSorted()).toEqual(begins.toSorted());
  });
});
