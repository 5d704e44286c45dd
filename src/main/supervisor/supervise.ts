/*
 * What the supervisor does about its two children, as a function of what has happened. No process, no timer, no
 * clock here: `loop.ts` acts.
 *
 *   temporal: absent -> starting -> up -> (exits) waiting -> starting …      absent for ever when an address was given
 *   server:   absent -> running -> (exits) waiting -> running …
 *
 * The server starts when Temporal is up for the first time; later each is restarted without the other, because the
 * server lives through a Temporal that is away, and Temporal does not need the server.
 *
 * Ending (a signal, or a child that refuses to start): the server first, so that what is under way can be recorded and
 * told to Temporal; then Temporal; then exit. Nothing is restarted any more.
 */

/** sysexits(3) */
export const EX_TEMPFAIL = 75;
export const EX_CONFIG = 78;

export interface SupervisorState {
  /** Whether Temporal is a child of ours. */
  readonly managed: boolean;
  readonly temporal: 'absent' | 'starting' | 'up' | 'waiting' | 'stopping';
  readonly server: 'absent' | 'running' | 'waiting' | 'stopping';
  /** Whether each has ever worked: what never did is refused, what did is restarted. */
  readonly temporalWorked: boolean;
  readonly serverWorked: boolean;
  /** Restarts since it last worked for a while. */
  readonly temporalTries: number;
  readonly serverTries: number;
  readonly ending: { readonly code: number; readonly message: string | undefined } | undefined;
}

export type SupervisorEvent =
  | { readonly kind: 'begin' }
  | { readonly kind: 'temporal_up' }
  /** `code`: what to exit with if this was the first start. */
  | { readonly kind: 'temporal_failed'; readonly message: string; readonly code: number }
  | { readonly kind: 'temporal_exited'; readonly upMs: number }
  | { readonly kind: 'server_ready' }
  /** `code` null: ended by a signal. */
  | { readonly kind: 'server_exited'; readonly code: number | null; readonly upMs: number }
  | { readonly kind: 'retry'; readonly child: 'temporal' | 'server' }
  /** SIGINT or SIGTERM. */
  | { readonly kind: 'signal' };

export type SupervisorAction =
  | { readonly do: 'start_temporal' }
  | { readonly do: 'start_server' }
  | { readonly do: 'stop_server' }
  /** Does not ask any more. */
  | { readonly do: 'kill_server' }
  | { readonly do: 'stop_temporal' }
  /** `forRoom`: also until the disk has room again. */
  | {
      readonly do: 'retry_later';
      readonly child: 'temporal' | 'server';
      readonly delayMs: number;
      readonly forRoom: boolean;
    }
  | { readonly do: 'exit'; readonly code: number; readonly message: string | undefined };

export interface Step {
  readonly state: SupervisorState;
  readonly actions: readonly SupervisorAction[];
}

export const initialState = (managed: boolean): SupervisorState => ({
  managed,
  temporal: 'absent',
  server: 'absent',
  temporalWorked: false,
  serverWorked: false,
  temporalTries: 0,
  serverTries: 0,
  ending: undefined,
});

/** After this long a child counts as working, and its next restart is quick again. ms */
const WORKED_FOR_MS = 30_000;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;

/** 250 ms, doubled by each restart in a row, at most 30 s. */
export const backoffMs = (tries: number): number =>
  Math.min(FIRST_DELAY_MS * 2 ** Math.min(tries, 20), LONGEST_DELAY_MS);

export const supervise = (state: SupervisorState, event: SupervisorEvent): Step => {
  switch (event.kind) {
    case 'begin':
      return state.managed
        ? step({ ...state, temporal: 'starting' }, { do: 'start_temporal' })
        : step({ ...state, server: 'running' }, { do: 'start_server' });

    case 'temporal_up': {
      const up: SupervisorState = { ...state, temporal: 'up', temporalWorked: true };
      if (state.ending !== undefined) return proceedToEnd(up);
      return state.server === 'absent'
        ? step({ ...up, server: 'running' }, { do: 'start_server' })
        : step(up);
    }

    case 'temporal_failed': {
      const absent: SupervisorState = { ...state, temporal: 'absent' };
      if (state.ending !== undefined) return proceedToEnd(absent);
      if (!state.temporalWorked) return end(absent, event.code, event.message);
      return retryTemporal(state);
    }

    case 'temporal_exited': {
      if (state.ending !== undefined) return proceedToEnd({ ...state, temporal: 'absent' });
      return retryTemporal(event.upMs >= WORKED_FOR_MS ? { ...state, temporalTries: 0 } : state);
    }

    case 'server_ready':
      return step({ ...state, serverWorked: true });

    case 'server_exited':
      return serverExited(state, event.code, event.upMs);

    case 'retry':
      if (state.ending !== undefined) return step(state);
      if (event.child === 'temporal' && state.temporal === 'waiting') {
        return step({ ...state, temporal: 'starting' }, { do: 'start_temporal' });
      }
      if (event.child === 'server' && state.server === 'waiting') {
        return step({ ...state, server: 'running' }, { do: 'start_server' });
      }
      return step(state);

    case 'signal':
      if (state.ending === undefined) return end(state, 0, undefined);
      return state.server === 'stopping' ? step(state, { do: 'kill_server' }) : step(state);
  }
};

const serverExited = (state: SupervisorState, code: number | null, upMs: number): Step => {
  const absent: SupervisorState = { ...state, server: 'absent' };
  if (state.ending !== undefined) {
    // It was asked to end: whatever is not a clean end is told.
    // Before it was ready it may not have listened for the signal yet, which then ended it: nothing had begun.
    const unheard = code === null && !state.serverWorked;
    const clean = code === 0 || unheard || state.ending.code !== 0;
    const ending = clean
      ? state.ending
      : { code: code ?? 1, message: `The server did not end cleanly (${codeText(code)}).` };
    return proceedToEnd({ ...absent, ending });
  }
  if (code === EX_CONFIG) return end(absent, EX_CONFIG, undefined);
  if (!state.serverWorked && code !== null && code !== EX_TEMPFAIL) {
    return end(absent, code === 0 ? 1 : code, `The server ended before it was ready (${codeText(code)}).`);
  }
  const tries = upMs >= WORKED_FOR_MS ? 0 : state.serverTries;
  return step(
    { ...state, server: 'waiting', serverTries: tries + 1 },
    { do: 'retry_later', child: 'server', delayMs: backoffMs(tries), forRoom: code === EX_TEMPFAIL },
  );
};

const retryTemporal = (state: SupervisorState): Step =>
  step(
    { ...state, temporal: 'waiting', temporalTries: state.temporalTries + 1 },
    { do: 'retry_later', child: 'temporal', delayMs: backoffMs(state.temporalTries), forRoom: false },
  );

const end = (state: SupervisorState, code: number, message: string | undefined): Step =>
  proceedToEnd({ ...state, ending: { code, message } });

/** The next thing that stands between here and the end. */
const proceedToEnd = (state: SupervisorState): Step => {
  const ending = state.ending ?? { code: 0, message: undefined };
  if (state.server === 'running') return step({ ...state, server: 'stopping' }, { do: 'stop_server' });
  if (state.server === 'stopping') return step(state);
  if (state.temporal === 'up' || state.temporal === 'starting') {
    return step({ ...state, server: 'absent', temporal: 'stopping' }, { do: 'stop_temporal' });
  }
  if (state.temporal === 'stopping') return step({ ...state, server: 'absent' });
  return step({ ...state, server: 'absent', temporal: 'absent' }, { do: 'exit', ...ending });
};

const codeText = (code: number | null): string => (code === null ? 'by a signal' : `exit code ${code}`);

const step = (state: SupervisorState, ...actions: readonly SupervisorAction[]): Step => ({ state, actions });
