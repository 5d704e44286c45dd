import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openDrains, TARGETS } from './testing/open-drains.ts';
import type { Run } from './run.ts';

const target = fc.constantFrom(...TARGETS);

const step = fc.oneof(
  fc.record({ kind: fc.constant('publish'), target, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('claim'), target, count: fc.integer({ min: 1, max: 4 }) }),
  /** Two executions of the same activity claim at once. */
  fc.record({ kind: fc.constant('race'), target, count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('finish'), target, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('give back'), target, count: fc.integer({ min: 1, max: 3 }) }),
  /** The drain's process dies, and a new execution takes over. */
  fc.record({ kind: fc.constant('die'), target, count: fc.constant(0) }),
  fc.record({ kind: fc.constant('wait'), target, count: fc.integer({ min: 1, max: 3 }) }),
);

it('whatever happens, no run is claimed twice, none is forgotten, and those of a target begin in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const d = await openDrains();
      const held = new Map<string, Map<string, Run>>(TARGETS.map((id) => [id, new Map()]));
      const begun = new Map<string, Run[]>(TARGETS.map((id) => [id, []]));
      const everBegun = new Set<string>();
      const ended = new Set<string>();
      /** What a new execution took over, and what the one before it held. */
      const takenOver: (readonly [readonly string[], readonly string[]])[] = [];
      let execution = 1;
      const claimerOf = (of: string) => ({
        target: of,
        temporalRunId: `t${execution}`,
        token: `t${execution}.1`,
      });
      const heldOf = (of: string): Map<string, Run> => held.get(of) ?? new Map();
      const take = (of: string, runs: readonly Run[]): void => {
        for (const run of runs) {
          expect(heldOf(of).has(run.id), `${run.id} is claimed twice`).toBe(false);
          expect(ended.has(run.id), `${run.id} is claimed after its end`).toBe(false);
          expect(run.target).toBe(of);
          heldOf(of).set(run.id, run);
          if (!everBegun.has(run.id)) begun.get(of)?.push(run);
          everBegun.add(run.id);
        }
      };
      const finish = async (of: string, run: Run): Promise<void> => {
        const claimer = claimerOf(of);
        await d.attempts({
          run_id: run.id,
          generation: run.generation,
          attempt: run.attempts + 1,
          temporalRunId: claimer.temporalRunId,
          claimToken: claimer.token,
          signal: new AbortController().signal,
        });
        heldOf(of).delete(run.id);
        ended.add(run.id);
      };
      for (const { kind, target: of, count } of steps) {
        if (kind === 'publish') await d.publish(of, count);
        if (kind === 'claim') take(of, (await d.claims.claim(claimerOf(of), count)).runs);
        if (kind === 'race') {
          const both = await Promise.all([
            d.claims.claim(claimerOf(of), count),
            d.claims.claim(claimerOf(of), count),
          ]);
          const won = both.flatMap(({ runs }) => runs).toSorted((a, b) => (a.order < b.order ? -1 : 1));
          take(of, won);
        }
        if (kind === 'finish')
          for (const run of [...heldOf(of).values()].slice(0, count)) await finish(of, run);
        if (kind === 'give back') {
          for (const run of [...heldOf(of).values()].slice(0, count)) {
            await d.claims.giveBack(run, claimerOf(of), d.clock.now() + 500);
            heldOf(of).delete(run.id);
          }
        }
        if (kind === 'wait') d.advance(count * 250);
        if (kind === 'die') {
          execution += 1;
          for (const id of TARGETS) {
            const before = [...heldOf(id).keys()].toSorted();
            const over = await d.claims.takeOver(claimerOf(id));
            takenOver.push([over.map((run) => run.id).toSorted(), before]);
            held.set(id, new Map(over.map((run) => [run.id, run])));
          }
        }
      }
      d.advance(10_000);
      for (const of of TARGETS) {
        for (;;) {
          const { runs } = await d.claims.claim(claimerOf(of), 3);
          take(of, runs);
          if (runs.length === 0) break;
        }
        for (const run of heldOf(of).values()) await finish(of, run);
        const order = (begun.get(of) ?? []).map((run) => run.order);
        expect(order).toEqual(order.toSorted());
      }
      for (const [over, before] of takenOver) expect(over).toEqual(before);
      const all = await d.runs();
      expect(all.filter(({ state }) => state !== 'succeeded')).toEqual([]);
      expect((await d.terminalEvents()).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
      expect(all.map(({ attempts }) => attempts)).toEqual(all.map(() => 1));
    }),
    { numRuns: 150 },
  );
});
