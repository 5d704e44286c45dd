import { describe, expect, it } from 'vitest';
import { createClaims, type Claim } from './claim.ts';
import { keyOf, takeInOrder, type ClaimPolicy, type Verdict } from './claim-policy.ts';
import { openDrains } from './testing/open-drains.ts';
import { RUN_TABLE, type Run } from './run.ts';

const TARGET = 'hook:a';

type Drains = Awaited<ReturnType<typeof openDrains>>;

const open = (d: Drains, policy: ClaimPolicy, execution = 1): Promise<Claim> =>
  createClaims({ log: d.log, clock: d.clock, buildEvent: d.buildEvent, policyOf: () => policy }).open({
    target: TARGET,
    temporalRunId: `t${execution}`,
    token: `t${execution}.1.1`,
  });

/** Runs that wait, with these keys. */
const publish = async (d: Drains, ...keys: readonly string[]): Promise<readonly Run[]> => {
  const before = (await d.runs()).length;
  await d.publish(TARGET, keys.length);
  const runs = (await d.runs()).slice(before);
  await d.log.append({
    events: [],
    mutations: runs.map(({ id }, i) => ({
      op: 'patch',
      table: RUN_TABLE.name,
      id,
      set: { key: keys[i] ?? null },
    })),
  });
  return (await d.runs()).slice(before);
};

const end = async (d: Drains, claim: Claim, run: Run): Promise<void> => {
  await d.attempts({
    run_id: run.id,
    generation: run.generation,
    attempt: run.attempts + 1,
    temporalRunId: 't1',
    claim,
    signal: new AbortController().signal,
  });
  claim.over(run);
};

const TAKE: Verdict = { verdict: 'take' };

/** At most one of each key at a time; the others of the key stay where they are. */
const ONE_OF_A_KEY: ClaimPolicy = {
  decide: ({ candidates, room, active }) => {
    const taken = new Set([...active].flatMap(([key, count]) => (count > 0 ? [key] : [])));
    const verdicts = new Map<string, Verdict>();
    for (const run of candidates) {
      if (verdicts.size >= room || taken.has(keyOf(run))) continue;
      taken.add(keyOf(run));
      verdicts.set(run.id, TAKE);
    }
    return { verdicts };
  },
};

const WINDOW_MS = 1_000;

/** Of each key one a second: the first at once, each other one a second after the one before it. */
const ONE_A_SECOND: ClaimPolicy = {
  decide: ({ candidates, memory, nowMs }) => {
    const next = new Map([...memory].map(([key, { nextMs }]) => [key, Number(nextMs)]));
    const verdicts = new Map<string, Verdict>();
    for (const run of candidates) {
      const atMs = run.state === 'held' ? nowMs : Math.max(nowMs, next.get(keyOf(run)) ?? 0);
      verdicts.set(run.id, atMs <= nowMs ? TAKE : { verdict: 'hold', untilMs: atMs, reason: 'rate_limit' });
      if (run.state !== 'held') next.set(keyOf(run), atMs + WINDOW_MS);
    }
    return { verdicts, memory: new Map([...next].map(([key, nextMs]) => [key, { nextMs }])) };
  },
};

/** Of each key only the newest counts. */
const NEWEST_OF_A_KEY: ClaimPolicy = {
  decide: ({ candidates }) => {
    const newest = new Map(candidates.map((run) => [keyOf(run), run.id]));
    return {
      verdicts: new Map(
        candidates.map((run) => [
          run.id,
          newest.get(keyOf(run)) === run.id ? TAKE : { verdict: 'skip', reason: 'coalesced' },
        ]),
      ),
    };
  },
};

const PAUSED: ClaimPolicy = {
  decide: ({ candidates }) => ({
    verdicts: new Map(candidates.map(({ id }) => [id, { verdict: 'hold', untilMs: null, reason: 'paused' }])),
  }),
};

describe('a claim policy that skips', () => {
  it('ends those runs as skipped, with the reason and one event each, and takes the others', async () => {
    const d = await openDrains();
    const [a1, b1, a2, a3] = await publish(d, 'a', 'b', 'a', 'a');
    const claim = await open(d, NEWEST_OF_A_KEY);
    const { runs, nextAt } = await claim.take(10);
    expect(runs.map(({ id }) => id)).toEqual([b1?.id, a3?.id]);
    expect(nextAt).toBeNull();
    const rows = new Map((await d.runs()).map((run) => [run.id, run]));
    for (const skipped of [a1, a2]) {
      expect(rows.get(skipped?.id ?? '')).toMatchObject({
        state: 'skipped',
        reason: 'coalesced',
        attempts: 0,
        claim: null,
        finished_at: d.clock.now(),
      });
    }
    const { data } = await d.log.query({ types: ['hook.skipped'], order: 'asc' });
    expect(data.map(({ payload }) => [payload['run_id'], payload['reason']])).toEqual([
      [a1?.id, 'coalesced'],
      [a2?.id, 'coalesced'],
    ]);
    for (const run of runs) await end(d, claim, run);
    expect((await claim.take(10)).runs).toEqual([]);
    expect(d.executed).toHaveLength(2);
  });

  it('looks further when it has skipped everything that it saw', async () => {
    const d = await openDrains();
    const runs = await publish(d, 'a', 'a', 'b');
    const claim = await open(d, {
      decide: ({ candidates }) => ({
        verdicts: new Map(
          candidates.map((run) => [
            run.id,
            keyOf(run) === 'a' ? { verdict: 'skip', reason: 'rate_limited' } : TAKE,
          ]),
        ),
      }),
    });
    expect((await claim.take(2)).runs.map(({ id }) => id)).toEqual([runs[2]?.id]);
  });

  it('skips nothing that has moved on since it was read', async () => {
    const d = await openDrains();
    const [first] = await publish(d, 'a', 'a');
    const moved = { done: false };
    const claim = await open(d, {
      decide: (scene) => {
        if (!moved.done) {
          moved.done = true;
          // In the queue of the log before what this decision comes to.
          void d.log.append({
            events: [],
            mutations: [
              {
                op: 'patch',
                table: RUN_TABLE.name,
                id: first?.id ?? '',
                set: { state: 'cancelled', claim: null },
              },
            ],
          });
        }
        return NEWEST_OF_A_KEY.decide(scene);
      },
    });
    expect((await claim.take(10)).runs).toHaveLength(1);
    expect((await d.runs()).map(({ state }) => state)).toEqual(['cancelled', 'pending']);
    expect(await d.terminalEvents()).toEqual([]);
  });
});

describe('a claim policy that holds', () => {
  it('holds by key until a time; then they are claimed like others', async () => {
    const d = await openDrains();
    const [a1, a2, b1, a3] = await publish(d, 'a', 'a', 'b', 'a');
    const claim = await open(d, ONE_A_SECOND);
    const first = await claim.take(10);
    expect(first.runs.map(({ id }) => id)).toEqual([a1?.id, b1?.id]);
    const startMs = d.clock.now();
    const held = (await d.runs()).filter(({ state }) => state === 'held');
    expect(held.map(({ id, reason, due_at: at }) => [id, reason, at])).toEqual([
      [a2?.id, 'rate_limit', startMs + 1_000],
      [a3?.id, 'rate_limit', startMs + 2_000],
    ]);
    expect(await claim.take(10)).toMatchObject({ runs: [], nextAt: startMs + 1_000 });
    expect((await d.runs())[0]).toMatchObject({
      id: a1?.id,
      state: 'pending',
      workflow_id: `drain:${TARGET}`,
    });
    d.advance(1_000);
    expect((await claim.take(10)).runs).toMatchObject([
      { id: a2?.id, state: 'pending', reason: null, due_at: null },
    ]);
    // What it has taken and what it remembers outlive the execution: the former is not asked about again, and the next
    // one of the key waits its turn, while one of another key does not.
    await publish(d, 'a', 'c');
    const second = await open(d, ONE_A_SECOND, 2);
    const { runs } = await second.take(10);
    expect(runs.slice(0, 3).map(({ id }) => id)).toEqual([a2?.id, a1?.id, b1?.id]);
    expect(runs.slice(3).map((run) => keyOf(run))).toEqual(['c']);
    expect((await d.runs()).filter(({ state }) => state === 'held').map(({ due_at: at }) => at)).toEqual([
      startMs + 2_000,
      startMs + 3_000,
    ]);
  });

  it('lets those that it says nothing about stand, and is asked again when one of theirs is over', async () => {
    const d = await openDrains();
    const [a1, a2, b1] = await publish(d, 'a', 'a', 'b');
    const claim = await open(d, ONE_OF_A_KEY);
    const first = await claim.take(10);
    expect(first.runs.map(({ id }) => id)).toEqual([a1?.id, b1?.id]);
    expect(await claim.take(10)).toMatchObject({ runs: [], left: true });
    if (first.runs[0] !== undefined) await end(d, claim, first.runs[0]);
    expect((await claim.take(10)).runs.map(({ id }) => id)).toEqual([a2?.id]);
  });

  it('takes a run out of its line until somebody puts it back', async () => {
    const d = await openDrains();
    const [run] = await publish(d, 'a');
    expect(await (await open(d, PAUSED)).take(10)).toMatchObject({ runs: [], nextAt: null, left: false });
    expect((await d.runs())[0]).toMatchObject({ state: 'held', reason: 'paused', due_at: null, claim: null });
    await d.log.append({
      events: [],
      mutations: [
        { op: 'patch', table: RUN_TABLE.name, id: run?.id ?? '', set: { claim: run?.claim ?? null } },
      ],
    });
    const resumed = await (await open(d, takeInOrder, 2)).take(10);
    expect(resumed.runs).toMatchObject([{ id: run?.id, state: 'pending', reason: null }]);
  });

  it('has no say over what was begun: it is finished', async () => {
    const d = await openDrains();
    const [run] = await publish(d, 'a');
    const before = await open(d, takeInOrder);
    const [begun] = (await before.take(1)).runs;
    if (begun !== undefined) await before.markRunning(begun, d.clock.now());
    expect((await (await open(d, PAUSED, 2)).take(10)).runs).toMatchObject([
      { id: run?.id, state: 'running' },
    ]);
  });
});

describe('a drain under a policy', () => {
  it('works each key one after another, as the policy says, to the end', async () => {
    const d = await openDrains({ policy: ONE_OF_A_KEY });
    const runs = await publish(d, 'a', 'a', 'b', 'a', 'b');
    const under = new Map<string, number>();
    d.act.once = async ({ run }) => {
      const key = keyOf(run);
      under.set(key, (under.get(key) ?? 0) + 1);
      expect(under.get(key)).toBe(1);
      await d.settle();
      under.set(key, 0);
      return { kind: 'succeeded', detail: {} };
    };
    expect((await d.work(TARGET)).next).toBe('asleep');
    expect((await d.runs()).map(({ state }) => state)).toEqual(runs.map(() => 'succeeded'));
  });
});
