import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

const scrape = async (): Promise<string> => (await fetch(`${stack.server.url}/metrics`)).text();

/** The value of a series, written as Prometheus does. */
const valueOf = (text: string, series: string): number => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
};

describe('/metrics', () => {
  it('counts events, commits, runs and attempts as they happen', async () => {
    const { status } = await stack.rest('POST', '/hooks', {
      name: 'count',
      trigger: { timing: 'post', events: [{ event_type: 'custom.counted' }] },
      action: { type: 'script', source: 'export default () => 1;' },
    });
    expect(status).toBe(201);
    const events = Array.from({ length: 3 }, (_, n) => ({ type: 'custom.counted', payload: { n } }));
    await stack.rest('POST', '/events', { events });
    await expect
      .poll(async () => valueOf(await scrape(), 'crucible_runs_ended_total{kind="hook",state="succeeded"}'), {
        timeout: 20_000,
      })
      .toBe(3);
    const text = await scrape();
    const { body } = await stack.rest('GET', '/events?limit=1');
    expect(valueOf(text, 'crucible_log_events_total{family="custom"}')).toBe(3);
    expect(valueOf(text, 'crucible_log_head')).toBe(body.data[0].position);
    expect(valueOf(text, 'crucible_runs_created_total{kind="hook",way="direct"}')).toBe(3);
    expect(valueOf(text, 'crucible_attempts_total{kind="hook",outcome="succeeded"}')).toBe(3);
    expect(valueOf(text, 'crucible_run_duration_seconds_count{kind="hook"}')).toBe(3);
    expect(valueOf(text, 'crucible_log_appends_in_flight')).toBe(0);
    expect(valueOf(text, 'crucible_temporal_working')).toBe(1);
    expect(valueOf(text, 'crucible_log_append_duration_seconds_count')).toBeGreaterThanOrEqual(
      valueOf(text, 'crucible_log_commit_events_count'),
    );
    expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('has the metrics that the reference names, and no others of ours', async () => {
    const text = await readFile(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
    // What is there only where servers follow each other: test/faults/followers.test.ts.
    const [page = ''] = text.split('## Servers that follow');
    const named = new Set(page.match(/`crucible_\w+`/g)?.map((name) => name.slice(1, -1)));
    const served = new Set(
      [...(await scrape()).matchAll(/^# TYPE (crucible_\w+) /gm)].map(([, name]) => name),
    );
    expect(served).toEqual(named);
  });
});
