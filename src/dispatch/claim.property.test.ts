import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AttemptAnswer } from './attempts.ts';
import type { Claim } from './claim.ts';
import { openDrains, TARGETS } from './testing/open-drains.ts';
import type { Run } from './run.ts';

const target = fc.constantFrom(...TARGETS);

const step = fc.oneof(
  fc.record({ kind: fc.constant('publish'), target, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('claim'), target, count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('mark'), target, count: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ kind: fc.constant('finish'), target, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('give back'), target, count: fc.integer({ min: 1, max: 3 }) }),
  /** The drain's process dies or goes silent, and a new execution takes over. */
  fc.record({ kind: fc.constant('die'), target, count: fc.constant(0) }),
  /** One that was silent wakes up, and goes on with what it had. */
  fc.record({ kind: fc.constant('come back'), target, count: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ kind: fc.constant('wait'), target, count: fc.integer({ min: 1, max: 3 }) }),
);

/** One execution, and what it has claimed and not ended. */
interface Execution {
  readonly claim: Claim;
  readonly temporalRunId: string;
  readonly held: Map<string, Run>;
}

it('whatever happens, no run is claimed or ended twice, none is forgotten, and those of a target begin in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const d = await openDrains();
      const begun = new Map<string, Run[]>(TARGETS.map((id) => [id, []]));
      const everBegun = new Set<string>();
      const ended = new Set<string>();
      const gone: Execution[] = [];
      let executions = 0;
      const open = async (of: string): Promise<Execution> => {
        executions += 1;
        const temporalRunId = `t${executions}`;
        const claim = await d.claims.open({ target: of, temporalRunId, token: `${temporalRunId}.1.1` });
        return { claim, temporalRunId, held: new Map() };
      };
      const now = new Map<string, Execution>();
      for (const id of TARGETS) now.set(id, await open(id));
      const executionOf = (of: string): Execution => {
        const execution = now.get(of);
        if (execution === undefined) throw new Error(of);
        return execution;
      };
      const take = async (of: string, room: number): Promise<number> => {
        const { claim, held } = executionOf(of);
        const { runs } = await claim.take(room);
        for (const run of runs) {
          expect(held.has(run.id), `${run.id} is claimed twice`).toBe(false);
          expect(ended.has(run.id), `${run.id} is claimed after its end`).toBe(false);
          expect(run.target).toBe(of);
          held.set(run.id, run);
          if (!everBegun.has(run.id)) begun.get(of)?.push(run);
          everBegun.add(run.id);
        }
        return runs.length;
      };
      const attempt = ({ claim, temporalRunId }: Execution, run: Run): Promise<AttemptAnswer> =>
        d.attempts({
          run_id: run.id,
          generation: run.generation,
          attempt: run.attempts + 1,
          temporalRunId,
          claim,
          signal: new AbortController().signal,
        });
      const finish = async (of: string, run: Run): Promise<void> => {
        const execution = executionOf(of);
        expect(await attempt(execution, run)).toMatchObject({ next: 'done', state: 'succeeded' });
        execution.claim.over(run);
        execution.held.delete(run.id);
        ended.add(run.id);
      };
      const die = async (of: string): Promise<void> => {
        const old = executionOf(of);
        gone.push(old);
        now.set(of, await open(of));
        expect(old.claim.lost()).toBe(true);
      };
      const comeBack = async (old: Execution, count: number): Promise<void> => {
        await expect(old.claim.take(count)).rejects.toMatchObject({ code: 'conflict' });
        for (const run of [...old.held.values()].slice(0, count)) {
          await old.claim.markRunning(run, d.clock.now());
          await old.claim.giveBack(run, d.clock.now());
          const reason = ended.has(run.id) ? null : 'superseded';
          expect(await attempt(old, run)).toMatchObject({ next: 'done', reason });
        }
      };
      for (const { kind, target: of, count } of steps) {
        const { claim, held } = executionOf(of);
        const some = [...held.values()].slice(0, count);
        if (kind === 'publish') await d.publish(of, count);
        if (kind === 'claim') await take(of, count);
        if (kind === 'mark') for (const run of some) await claim.markRunning(run, d.clock.now());
        if (kind === 'finish') for (const run of some) await finish(of, run);
        if (kind === 'give back') {
          for (const run of some) {
            const placeOf = async () => (await d.runs()).find(({ id }) => id === run.id)?.claim;
            const before = await placeOf();
            await claim.giveBack(run, d.clock.now() + 500);
            // One that this claim itself has begun since stays: it is not as it was handed out.
            if ((await placeOf()) === before) continue;
            claim.over(run);
            held.delete(run.id);
          }
        }
        if (kind === 'wait') d.advance(count * 250);
        if (kind === 'die') await die(of);
        if (kind === 'come back') for (const old of gone) await comeBack(old, count);
      }
      d.advance(10_000);
      for (const of of TARGETS) {
        while ((await take(of, 3)) > 0);
        for (const run of executionOf(of).held.values()) await finish(of, run);
        const order = (begun.get(of) ?? []).map((run) => run.order);
        expect(order).toEqual(order.toSorted());
      }
      const all = await d.runs();
      expect(all.filter(({ state }) => state !== 'succeeded')).toEqual([]);
      expect((await d.terminalEvents()).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
      expect(all.map(({ attempts }) => attempts)).toEqual(all.map(() => 1));
    }),
    { numRuns: 300 },
  );
});
