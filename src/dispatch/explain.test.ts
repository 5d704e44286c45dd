import { describe, expect, test } from 'vitest';
import { committed } from '../events/testing/events.ts';
import { compileFilters } from '../events/filters/index.ts';
import type { EventFilter } from '../events/filter.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createExplanations, explain } from './explain.ts';
import { newRun } from './new-run.ts';
import type { Target } from './target.ts';
import { targetIndexOf } from './target-index.ts';

const target = (filters: readonly EventFilter[], over: Partial<Target> = {}): Target => ({
  id: 'hook:a',
  kind: 'hook',
  worlds: ['default'],
  filters: compileFilters(filters),
  enabled: true,
  paused: false,
  definition: 'hash',
  ...over,
});
const note = [{ event_type: 'custom.note' }];
const event = (over: Partial<CrucibleEvent> = {}) => committed('custom.note', { n: 1 }, over);
const runOf = (one: Target, of = event()) =>
  newRun(of, one, { matched: true }, { clock: { now: () => 0 }, newId: (prefix) => `${prefix}_1` });

describe('why an event led to a run or not', () => {
  test.each<[string, Target, CrucibleEvent, object]>([
    [
      'another world',
      target(note, { worlds: ['lab'] }),
      event(),
      { matches: false, effect: 'none', because: /^world: .*default.*lab/ },
    ],
    [
      'another type',
      target([{ event_type: 'custom.x' }]),
      event(),
      { matches: false, effect: 'none', because: /^filters\.0\.event_type: / },
    ],
    [
      'a condition',
      target([{ event_type: 'custom.note', filter: { n: 2 } }]),
      event(),
      { effect: 'none', because: /^filters\.0\.filter\.n\.equals: the field is 1; .* 2$/ },
    ],
    [
      'several filters, none of which suffices',
      target([{ event_type: 'custom.x' }, { event_type: 'custom.note', filter: { n: 2 } }]),
      event(),
      { effect: 'none', because: /^none of its 2 filters/ },
    ],
    [
      'an expression that fails',
      target([{ event_type: 'custom.note', when: 'event.payload.n + "x" == "1x"' }]),
      event(),
      { matches: false, effect: 'failed', because: /^an expression failed: / },
    ],
    [
      'disabled',
      target(note, { enabled: false }),
      event(),
      { matches: true, effect: 'skipped', because: /^the target matches as it stands now/ },
    ],
    ['paused', target(note, { paused: true }), event(), { matches: true, effect: 'held' }],
    ['too deep', target(note), event({ depth: 9 }), { matches: true, effect: 'skipped' }],
    [
      'no obstacle, but no run',
      target(note),
      event(),
      { matches: true, effect: 'run', because: /registered or changed after/ },
    ],
  ])('%s', (_name, one, of, { because = /./, ...expected }: { because?: RegExp }) => {
    const found = explain(of, one, undefined);
    expect(found).toMatchObject(expected);
    expect(found.because).toMatch(because);
  });

  test.each<[string, Partial<Target>, Partial<CrucibleEvent>, RegExp]>([
    ['disabled', { enabled: false }, {}, /^enabled: /],
    ['paused', { paused: true }, {}, /^paused: /],
    ['a loop', {}, { depth: 9 }, /^depth: /],
    ['nothing', {}, {}, /^the event matches$/],
  ])('with its run, %s decides', (_name, over, envelope, because) => {
    const one = target(note, over);
    const found = explain(event(envelope), one, runOf(one, event(envelope)));
    expect(found.because).toMatch(because);
    expect(found).toMatchObject({ matches: true, changed_since: false, run: { target: 'hook:a' } });
  });

  test('a definition that has changed since is told', () => {
    const now = target([{ event_type: 'custom.x' }], { definition: 'newer' });
    expect(explain(event(), now, runOf(target(note)))).toMatchObject({
      matches: false,
      changed_since: true,
      because: expect.stringMatching(/^it matched as it was then; as it stands now: filters\.0\.event_type/),
    });
  });
});

describe('of all targets', () => {
  const here = target(note);
  const there = target(note, { id: 'hook:b', worlds: ['lab'] });
  const gone = { ...runOf(target(note)), target: 'webhook:gone' };
  const explanations = createExplanations({
    targets: () => targetIndexOf([there, here]),
    runs: { ofEvent: async () => [gone] },
  });
  const asked = async (worlds: readonly string[] | undefined, over: object = {}) =>
    (await explanations.of(event(), { worlds, limit: 10, ...over })).map((one) => [one.target, one.exists]);

  test('those of the worlds that are seen, and runs whose target is gone', async () => {
    expect(await asked(undefined)).toEqual([
      ['hook:a', true],
      ['hook:b', true],
      ['webhook:gone', false],
    ]);
    expect(await asked(['default'])).toEqual([
      ['hook:a', true],
      ['webhook:gone', false],
    ]);
    expect(await asked(undefined, { after: 'hook:a', limit: 1 })).toEqual([['hook:b', true]]);
  });

  test('one that is not there, or not seen, is no target', async () => {
    await expect(asked(undefined, { target: 'hook:none' })).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'target' }],
    });
    await expect(asked(['default'], { target: 'hook:b' })).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'target' }],
    });
  });
});
