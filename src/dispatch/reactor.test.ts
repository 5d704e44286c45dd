import { describe, expect, it } from 'vitest';
import type { MatchResult } from '../events/compiled.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createTargetReactor } from './reactor.ts';
import { runFrom } from './rows.ts';
import type { Target } from './target.ts';

const event = (over: Partial<CrucibleEvent> = {}): CrucibleEvent => ({
  id: 'evt_1',
  type: 'custom.note.imported',
  version: '1.0.0',
  position: 7,
  timestamp: '2026-11-24T10:30:00.123Z',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: null,
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
  world: 'default',
  room: null,
  payload: {},
  ...over,
});

const target = (
  id: string,
  patterns: readonly string[],
  over: Partial<Target> = {},
  result: MatchResult = { matched: true },
): Target => ({
  id,
  kind: 'hook',
  worlds: ['default'],
  filters: {
    source: [],
    patterns,
    requirements: patterns.map((pattern) => ({ pattern, equalities: [] })),
    match: () => result,
    explain: () => [],
  },
  enabled: true,
  paused: false,
  definition: 'hash',
  ...over,
});

const reactorWith = (...targets: readonly Target[]) => {
  let made = 0;
  const reactor = createTargetReactor({
    clock: { now: () => 1_000 },
    newId: (prefix) => `${prefix}_${(made += 1)}`,
  });
  reactor.load(targets);
  reactor.begin();
  return reactor;
};

const reactions = (reactor: ReturnType<typeof reactorWith>, one: CrucibleEvent) =>
  reactor.react(one).map(({ row }) => runFrom(row));

describe('the reactor', () => {
  it('writes a pending run with its own workflow id for each target that matches', () => {
    const [run] = reactions(reactorWith(target('hook:a', ['custom.note.imported'])), event());
    expect(run).toMatchObject({
      state: 'pending',
      target: 'hook:a',
      event_position: 7,
      generation: 0,
      workflow_id: 'hook:a:evt_1',
      newest: -7,
      order: '000000000000007:hook:a',
    });
  });

  it.each(['custom.note.imported', 'custom.note.*', 'custom.*', '*'])(
    'finds a target by %s, once',
    (pattern) => {
      expect(reactions(reactorWith(target('hook:a', [pattern, pattern, '*'])), event())).toHaveLength(1);
    },
  );

  it.each(['hook.executed', 'webhook.delivered'])('never matches %s by *', (type) => {
    const reactor = reactorWith(target('hook:a', ['*']), target('hook:b', [`${type.split('.')[0]}.*`]));
    expect(reactions(reactor, event({ type })).map((run) => run.target)).toEqual(['hook:b']);
  });

  it('does not cross worlds', () => {
    expect(reactions(reactorWith(target('hook:a', ['*'])), event({ world: 'other' }))).toEqual([]);
  });

  it.each([
    ['disabled', { enabled: false }, {}, { matched: true }, 'skipped', 'disabled'],
    ['paused', { paused: true }, {}, { matched: true }, 'held', 'paused'],
    ['too deep', {}, { depth: 9 }, { matched: true }, 'skipped', 'loop'],
    [
      'a failing expression',
      {},
      {},
      { matched: 'error', message: 'no such overload' },
      'failed',
      'expression',
    ],
  ] as const)('records why nothing runs: %s', (_, over, changed, match, state, reason) => {
    const [run] = reactions(reactorWith(target('hook:a', ['*'], over, match)), event(changed));
    expect(run).toMatchObject({ state, reason, workflow_id: null, sweep_at: null });
  });

  it('goes on at the depth limit itself', () => {
    expect(reactions(reactorWith(target('hook:a', ['*'])), event({ depth: 8 }))[0]?.state).toBe('pending');
  });

  it('holds a staged change for the next request, keeps it when adopted and forgets it when discarded', () => {
    const reactor = reactorWith();
    reactor.stage({ kind: 'target_set', target: target('hook:a', ['*']) } as never);
    expect(reactor.react(event())).toHaveLength(1);
    reactor.discard();
    reactor.begin();
    expect(reactor.react(event())).toHaveLength(0);
    reactor.stage({ kind: 'target_set', target: target('hook:a', ['*']) } as never);
    reactor.adopt();
    reactor.begin();
    expect(reactor.react(event())).toHaveLength(1);
    expect(reactor.targets().size).toBe(1);
  });
});
