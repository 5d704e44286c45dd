import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EX_CONFIG, EX_TEMPFAIL, backoffMs, initialState, supervise } from './supervise.ts';
import type { SupervisorAction, SupervisorEvent, SupervisorState } from './supervise.ts';

const play = (
  managed: boolean,
  ...events: SupervisorEvent[]
): { state: SupervisorState; did: SupervisorAction[][] } => {
  let state = initialState(managed);
  const did: SupervisorAction[][] = [];
  for (const event of events) {
    const next = supervise(state, event);
    state = next.state;
    did.push([...next.actions]);
  }
  return { state, did };
};

const last = (managed: boolean, ...events: SupervisorEvent[]): SupervisorAction[] =>
  play(managed, ...events).did.at(-1) ?? [];

const begin = { kind: 'begin' } as const;
const temporalUp = { kind: 'temporal_up' } as const;
const ready = { kind: 'server_ready' } as const;
const signal = { kind: 'signal' } as const;
const serverExited = (code: number | null, upMs = 1_000): SupervisorEvent => ({
  kind: 'server_exited',
  code,
  upMs,
});
const temporalExited = { kind: 'temporal_exited', upMs: 1_000 } as const;
const refused = (code: number): SupervisorEvent => ({ kind: 'temporal_failed', message: 'no', code });
const exit = (code: number, message?: string): SupervisorAction => ({ do: 'exit', code, message });

describe('starting', () => {
  test('Temporal first, then the server', () => {
    expect(play(true, begin, temporalUp).did).toEqual([[{ do: 'start_temporal' }], [{ do: 'start_server' }]]);
  });

  test('only the server when Temporal runs elsewhere', () => {
    expect(play(false, begin).did).toEqual([[{ do: 'start_server' }]]);
  });

  test('a Temporal that cannot start ends everything, with its code and its message', () => {
    expect(last(true, begin, refused(EX_CONFIG))).toEqual([exit(EX_CONFIG, 'no')]);
  });

  test('a server with a bad configuration is not restarted; Temporal is stopped first', () => {
    const { did } = play(true, begin, temporalUp, serverExited(EX_CONFIG), temporalExited);
    expect(did.slice(2)).toEqual([[{ do: 'stop_temporal' }], [exit(EX_CONFIG)]]);
  });

  test('a server that never was ready and ends by itself is a refusal, also with code 0', () => {
    expect(last(false, begin, serverExited(1))).toEqual([
      exit(1, 'The server ended before it was ready (exit code 1).'),
    ]);
    expect(last(false, begin, serverExited(0))).toMatchObject([{ do: 'exit', code: 1 }]);
  });
});

describe('ending early', () => {
  test('a server that the signal ended before it could listen for one has ended well', () => {
    expect(last(false, begin, signal, serverExited(null))).toEqual([exit(0)]);
  });

  test('one that was ready has not', () => {
    expect(last(false, begin, ready, signal, serverExited(null))).toMatchObject([{ do: 'exit', code: 1 }]);
  });
});

describe('restarting', () => {
  test('a server that was killed, at once and then later and later', () => {
    const delays = [250, 500, 1_000].map((delayMs) => ({
      do: 'retry_later',
      child: 'server',
      delayMs,
      forRoom: false,
    }));
    const again = { kind: 'retry', child: 'server' } as const;
    const { did } = play(
      false,
      begin,
      ready,
      serverExited(null),
      again,
      serverExited(1),
      again,
      serverExited(139),
    );
    expect([did[2], did[4], did[6]]).toEqual(delays.map((delay) => [delay]));
    expect(did[3]).toEqual([{ do: 'start_server' }]);
  });

  test('a bad configuration after a restart ends it too', () => {
    expect(
      last(
        false,
        begin,
        ready,
        serverExited(null),
        { kind: 'retry', child: 'server' },
        serverExited(EX_CONFIG),
      ),
    ).toEqual([exit(EX_CONFIG)]);
  });

  test('one that worked for long is restarted quickly again', () => {
    const again = { kind: 'retry', child: 'server' } as const;
    const events = [begin, ready, serverExited(1), again, serverExited(1), again, serverExited(1, 60_000)];
    expect(last(false, ...events)).toMatchObject([{ delayMs: 250 }]);
  });

  test('a server that asks for room waits for it, even before it was ready', () => {
    expect(last(false, begin, serverExited(EX_TEMPFAIL))).toMatchObject([
      { do: 'retry_later', forRoom: true },
    ]);
  });

  test('a Temporal that goes away is started again, and the server is left alone', () => {
    const { did, state } = play(
      true,
      begin,
      temporalUp,
      ready,
      temporalExited,
      { kind: 'retry', child: 'temporal' },
      temporalUp,
    );
    expect(did.slice(3)).toEqual([
      [{ do: 'retry_later', child: 'temporal', delayMs: 250, forRoom: false }],
      [{ do: 'start_temporal' }],
      [],
    ]);
    expect(state.server).toBe('running');
  });

  test('a restart of Temporal that fails is tried again', () => {
    const events = [
      begin,
      temporalUp,
      ready,
      temporalExited,
      { kind: 'retry', child: 'temporal' } as const,
      refused(1),
    ];
    expect(last(true, ...events)).toMatchObject([{ do: 'retry_later', child: 'temporal', delayMs: 500 }]);
  });

  test('the pauses stay within half a minute', () => {
    expect(backoffMs(0)).toBe(250);
    expect(backoffMs(1_000)).toBe(30_000);
  });
});

describe('ending', () => {
  test('the server, then Temporal, then exit 0', () => {
    const { did } = play(true, begin, temporalUp, ready, signal, serverExited(0), temporalExited);
    expect(did.slice(3)).toEqual([[{ do: 'stop_server' }], [{ do: 'stop_temporal' }], [exit(0)]]);
  });

  test('a second signal kills a server that takes its time; a third does no more', () => {
    const { did } = play(true, begin, temporalUp, ready, signal, signal, serverExited(null), signal);
    expect(did.slice(4)).toEqual([[{ do: 'kill_server' }], [{ do: 'stop_temporal' }], []]);
  });

  test('an unclean end of the server is told by the exit code', () => {
    expect(last(false, begin, ready, signal, serverExited(3))).toMatchObject([{ do: 'exit', code: 3 }]);
    expect(last(false, begin, ready, signal, serverExited(null))).toMatchObject([{ do: 'exit', code: 1 }]);
  });

  test('while Temporal is starting: it is stopped, and the server never starts', () => {
    const { did } = play(true, begin, signal, temporalUp, temporalExited);
    expect(did.slice(1)).toEqual([[{ do: 'stop_temporal' }], [{ do: 'stop_temporal' }], [exit(0)]]);
  });

  test('while the server waits for its restart: nothing starts any more', () => {
    const { did } = play(
      true,
      begin,
      temporalUp,
      ready,
      serverExited(null),
      signal,
      { kind: 'retry', child: 'server' },
      temporalExited,
    );
    expect(did.slice(4)).toEqual([[{ do: 'stop_temporal' }], [], [exit(0)]]);
  });

  test('while Temporal is away', () => {
    const { did } = play(true, begin, temporalUp, ready, temporalExited, signal, serverExited(0));
    expect(did.slice(4)).toEqual([[{ do: 'stop_server' }], [exit(0)]]);
  });
});

test('whatever happens, nothing starts after the end has begun, and every start follows an exit', () => {
  const event: fc.Arbitrary<SupervisorEvent> = fc.oneof(
    fc.constant(temporalUp),
    fc.constant(ready),
    fc.constant(signal),
    fc.constant(refused(1)),
    fc.constant(temporalExited),
    fc.constantFrom(null, 0, 1, EX_TEMPFAIL, EX_CONFIG).map((code) => serverExited(code)),
    fc
      .constantFrom('temporal' as const, 'server' as const)
      .map((child) => ({ kind: 'retry' as const, child })),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(event, { maxLength: 40 }), (managed, events) => {
      let state = initialState(managed);
      const running = { temporal: false, server: false };
      const wrong: string[] = [];
      for (const next of [begin, ...events]) {
        if (!possible(next, state, running.server, running.temporal)) continue;
        if (next.kind === 'server_exited') running.server = false;
        if (next.kind === 'temporal_exited' || next.kind === 'temporal_failed') running.temporal = false;
        const { state: after, actions } = supervise(state, next);
        for (const action of actions) {
          if (action.do === 'start_server' || action.do === 'start_temporal') {
            const child = action.do === 'start_server' ? 'server' : 'temporal';
            if (running[child]) wrong.push(`${child} started while it runs`);
            if (after.ending !== undefined) wrong.push(`${child} started after the end has begun`);
            running[child] = true;
          }
          if (action.do === 'exit' && (running.temporal || running.server))
            wrong.push('exit before the children');
        }
        state = after;
        if (actions.some((action) => action.do === 'exit')) break;
      }
      expect(wrong).toEqual([]);
    }),
  );
});

/** A child that does not run does not exit. */
const possible = (
  event: SupervisorEvent,
  state: SupervisorState,
  server: boolean,
  temporal: boolean,
): boolean => {
  switch (event.kind) {
    case 'server_exited':
    case 'server_ready':
      return server;
    case 'temporal_exited':
      return temporal && state.temporal !== 'starting';
    case 'temporal_up':
    case 'temporal_failed':
      return state.temporal === 'starting';
    case 'begin':
    case 'retry':
    case 'signal':
      return true;
  }
};
