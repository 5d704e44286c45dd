import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AgentAnswer } from '../../activities/agent/index.ts';
import type { JsonObject } from '../kernel/json.ts';
import { createConnectedAgents, type ConnectedAgents, type Seat } from './connected-agents.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Connected extends Seat {
  /** The runs that it was given, in order. */
  readonly given: string[];
  busy: boolean;
}

const connect = (
  agents: ConnectedAgents,
  { agentId = 'bot', worlds }: { readonly agentId?: string; readonly worlds?: readonly string[] } = {},
): Connected => {
  const state = { given: [] as string[], busy: false };
  const seat = agents.join({
    agentId,
    worlds,
    ready: () => !state.busy,
    send: (action: JsonObject) => void state.given.push(action['run_id'] as string),
  });
  return Object.assign(state, seat);
};

const ask = (
  agents: ConnectedAgents,
  runId: string,
  { world = 'default', signal = new AbortController().signal } = {},
): Promise<AgentAnswer> =>
  agents.call({ world, agentId: 'bot' }, { runId, message: { run_id: runId }, timeoutMs: 1_000, signal });

const none = (code: string): object => ({ kind: 'none', code });

test('asked → held → its answer; an answer that nobody waits for is refused', async () => {
  const agents = createConnectedAgents();
  const one = connect(agents);
  const answer = ask(agents, 'r1');
  expect(one.given).toEqual(['r1']);
  one.answer('r1', { outputs: { n: 1 } });
  expect(await answer).toEqual({ kind: 'outputs', outputs: { n: 1 } });
  expect(() => one.answer('r1', { outputs: 2 })).toThrow('waited for');
  const failing = ask(agents, 'r2');
  one.answer('r2', { error: { message: 'no' } });
  expect(await failing).toEqual({ kind: 'error', message: 'no', retry: false });
  expect(vi.getTimerCount()).toBe(0);
});

test('asked → not_connected: none is there, of another agent, of another world, or it does not read', async () => {
  const agents = createConnectedAgents();
  expect(await ask(agents, 'r1')).toMatchObject(none('not_connected'));
  const other = connect(agents, { agentId: 'other' });
  const lab = connect(agents, { worlds: ['lab'] });
  const busy = connect(agents);
  busy.busy = true;
  expect(await ask(agents, 'r1')).toMatchObject(none('not_connected'));
  expect([other.given, lab.given, busy.given]).toEqual([[], [], []]);
  void ask(agents, 'r2', { world: 'lab' });
  expect(lab.given).toEqual(['r2']);
});

test('the answer of a connection that does not hold it counts for nothing', async () => {
  const agents = createConnectedAgents();
  const [one, two] = [connect(agents), connect(agents)];
  const answer = ask(agents, 'r1');
  expect([one.given, two.given]).toEqual([['r1'], []]);
  expect(() => two.answer('r1', { outputs: 'foreign' })).toThrow('waited for');
  one.answer('r1', { outputs: 'own' });
  expect(await answer).toMatchObject({ outputs: 'own' });
});

test('held → held by the next one, when its holder leaves', async () => {
  const agents = createConnectedAgents();
  const [one, two] = [connect(agents), connect(agents)];
  const answer = ask(agents, 'r1');
  one.leave();
  one.leave();
  expect(two.given).toEqual(['r1']);
  expect(() => one.answer('r1', { outputs: 'late' })).toThrow('waited for');
  two.answer('r1', { outputs: 2 });
  expect(await answer).toMatchObject({ outputs: 2 });
});

test('held → disconnected: nobody is left, or three have left', async () => {
  const agents = createConnectedAgents();
  const one = connect(agents);
  const alone = ask(agents, 'r1');
  one.leave();
  expect(await alone).toMatchObject(none('disconnected'));
  const four = [0, 1, 2, 3].map(() => connect(agents));
  const deadly = ask(agents, 'r2');
  for (const each of four.slice(0, 3)) each.leave();
  expect(await deadly).toMatchObject(none('disconnected'));
  expect(four.map(({ given }) => given.length)).toEqual([1, 1, 1, 0]);
});

test('held → timeout: the late answer is refused, and who is silent comes last from then on', async () => {
  const agents = createConnectedAgents();
  const [silent, good] = [connect(agents), connect(agents)];
  const first = ask(agents, 'r1');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await first).toMatchObject(none('timeout'));
  expect(() => silent.answer('r1', { outputs: 1 })).toThrow('waited for');
  void ask(agents, 'r2');
  void ask(agents, 'r3');
  expect([silent.given, good.given]).toEqual([['r1'], ['r2', 'r3']]);
  good.leave();
  expect(silent.given).toEqual(['r1', 'r2', 'r3']);
});

test('held → aborted; asked and aborted already', async () => {
  const agents = createConnectedAgents();
  const one = connect(agents);
  const abort = new AbortController();
  const answer = ask(agents, 'r1', { signal: abort.signal });
  abort.abort();
  expect(await answer).toMatchObject(none('aborted'));
  expect(await ask(agents, 'r2', { signal: abort.signal })).toMatchObject(none('aborted'));
  expect(one.given).toEqual(['r1']);
  expect(vi.getTimerCount()).toBe(0);
});

test('held → superseded, when the run is asked for again', async () => {
  const agents = createConnectedAgents();
  const one = connect(agents);
  const first = ask(agents, 'r1');
  const second = ask(agents, 'r1');
  expect(await first).toMatchObject(none('superseded'));
  one.answer('r1', { outputs: 2 });
  expect(await second).toMatchObject({ outputs: 2 });
});

test('held, asked → stopping, which is no fault of the agent; nothing is handed on', async () => {
  const agents = createConnectedAgents();
  const [one, two] = [connect(agents), connect(agents)];
  const answer = ask(agents, 'r1');
  agents.close();
  one.leave();
  expect(await answer).toMatchObject({ ...none('stopping'), ours: true });
  expect(await ask(agents, 'r2')).toMatchObject({ ...none('stopping'), ours: true });
  expect(two.given).toEqual([]);
});

test('many actions are spread: who has less to do first, then whose turn it is', () => {
  const agents = createConnectedAgents();
  const [one, two] = [connect(agents), connect(agents)];
  for (const n of [1, 2, 3, 4]) void ask(agents, `r${n}`);
  expect([one.given, two.given]).toEqual([
    ['r1', 'r3'],
    ['r2', 'r4'],
  ]);
  two.answer('r2', { outputs: 1 });
  void ask(agents, 'r5');
  expect(two.given).toEqual(['r2', 'r4', 'r5']);
});
