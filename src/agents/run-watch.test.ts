import { expect, test } from 'vitest';
import type { Committed } from '../log/log.ts';
import { RUN_TABLE } from '../dispatch/run.ts';
import { createRunWatch } from './run-watch.ts';

const MINUTE_MS = 60_000;
const goesOn = () => Promise.resolve(false);

const open = () => {
  const stop = new AbortController();
  let commit: (committed: Pick<Committed, 'changed'>) => void = () => undefined;
  const watch = createRunWatch(
    {
      onCommit(listener) {
        commit = (committed) =>
          listener({ batch: 'b', events: [], reactions: [], removed: [], ...committed });
        return () => undefined;
      },
    },
    stop.signal,
  );
  const ended = (id: string, finishedAt: string | null): void =>
    commit({ changed: [{ table: RUN_TABLE.name, row: { id, finished_at: finishedAt } }] });
  return { watch, stop, ended };
};

test('waits for the end of that run', async () => {
  const { watch, ended } = open();
  let over = false;
  const waited = watch.untilEnded('run_a', MINUTE_MS, goesOn).then(() => (over = true));
  ended('run_b', '2026-01-01T00:00:00.000Z');
  ended('run_a', null);
  await new Promise(setImmediate);
  expect(over).toBe(false);
  ended('run_a', '2026-01-01T00:00:00.000Z');
  await expect(waited).resolves.toBe(true);
});

test('does not wait when the process is asked to stop, nor after that', async () => {
  const { watch, stop } = open();
  const waited = ['run_a', 'run_a', 'run_b'].map((id) => watch.untilEnded(id, MINUTE_MS, goesOn));
  await new Promise(setImmediate);
  stop.abort();
  await expect(Promise.all(waited)).resolves.toHaveLength(3);
  await expect(watch.untilEnded('run_c', MINUTE_MS, goesOn)).resolves.toBeUndefined();
});
