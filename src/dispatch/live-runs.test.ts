import { describe, expect, it } from 'vitest';
import { createLiveRuns } from './live-runs.ts';

const commit = (...rows: readonly { id: string; state: string }[]) => ({
  batch: 'cmt_1',
  events: [],
  reactions: [],
  removed: [],
  changed: rows.map((row) => ({ table: 'run', row })),
});

describe('live runs', () => {
  it('shows the row as the last commit left it, until it ends', () => {
    const live = createLiveRuns();
    live.committed({ ...commit(), reactions: [{ table: 'run', row: { id: 'a', state: 'pending' } }] });
    expect(live.get('a')?.state).toBe('pending');
    live.committed(commit({ id: 'a', state: 'retrying' }));
    expect(live.get('a')?.state).toBe('retrying');
    live.committed(commit({ id: 'a', state: 'succeeded' }));
    expect(live.get('a')).toBeUndefined();
  });

  it('forgets the oldest past its capacity, and leaves other tables alone', () => {
    const live = createLiveRuns(2);
    live.committed(
      commit({ id: 'a', state: 'pending' }, { id: 'b', state: 'pending' }, { id: 'c', state: 'pending' }),
    );
    live.committed({ ...commit(), changed: [{ table: 'hook', row: { id: 'd', state: 'pending' } }] });
    expect(['a', 'b', 'c', 'd'].map((id) => live.get(id) !== undefined)).toEqual([false, true, true, false]);
  });
});
