import { messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { initialState, supervise } from './supervise.ts';
import type { SupervisorAction, SupervisorEvent, SupervisorState } from './supervise.ts';

export interface TemporalChild {
  /** Resolves when it has ended, asked or not. */
  readonly exited: Promise<void>;
  /** Never rejects. */
  stop(): Promise<void>;
}

export interface ServerChild {
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Resolves when it is ready; stays pending when it never is. */
  readonly ready: Promise<void>;
  /** Asks it to end. */
  stop(): void;
  /** Ends it. */
  kill(): void;
}

export interface SupervisorDeps {
  /** Undefined: Temporal runs elsewhere. Rejects when it cannot start or `signal` aborts. */
  readonly startTemporal: ((signal: AbortSignal) => Promise<TemporalChild>) | undefined;
  /** Rejects when no process could be made. */
  readonly startServer: () => Promise<ServerChild>;
  /** What to exit with when Temporal refuses to start. */
  readonly exitCodeOf: (error: unknown) => number;
  readonly describe: (error: unknown) => string;
  readonly hasRoom: () => Promise<boolean>;
  readonly after: (delayMs: number, work: () => void) => void;
  /** Monotonic. ms */
  readonly now: () => number;
  readonly logger: Logger;
  /** Asks the supervisor to end; a second time, to hurry. Returns what unsubscribes. */
  readonly onSignal: (listener: () => void) => () => void;
}

export interface SupervisorEnd {
  readonly code: number;
  readonly message: string | undefined;
}

/** While the disk is full, it is looked at again after this. ms */
const ROOM_EVERY_MS = 1_000;

/** Runs both children until the end. Does what `supervise` decides, and tells it what happened, one thing at a time. */
export const runSupervisor = (deps: SupervisorDeps): Promise<SupervisorEnd> =>
  new Promise((resolve) => {
    const { logger } = deps;
    let state: SupervisorState = initialState(deps.startTemporal !== undefined);
    let temporal: TemporalChild | undefined;
    let server: ServerChild | undefined;
    let starting: AbortController | undefined;

    const tell = (event: SupervisorEvent): void => {
      const step = supervise(state, event);
      state = step.state;
      for (const action of step.actions) act(action);
    };

    const act = (action: SupervisorAction): void => {
      switch (action.do) {
        case 'start_temporal':
          void startTemporal();
          return;
        case 'start_server':
          void startServer();
          return;
        case 'stop_server':
          logger.info({}, 'stopping the server');
          server?.stop();
          return;
        case 'kill_server':
          logger.warn({}, 'killing the server');
          server?.kill();
          return;
        case 'stop_temporal':
          starting?.abort(new Error('the supervisor is ending'));
          if (temporal !== undefined) {
            logger.info({}, 'stopping Temporal');
            void temporal.stop();
          }
          return;
        case 'retry_later':
          logger.warn({ child: action.child, delayMs: action.delayMs }, 'will be started again');
          retryLater(action.child, action.delayMs, action.forRoom);
          return;
        case 'exit':
          unsubscribe();
          resolve({ code: action.code, message: action.message });
      }
    };

    const startTemporal = async (): Promise<void> => {
      starting = new AbortController();
      try {
        const child = await deps.startTemporal?.(starting.signal);
        if (child === undefined) throw new Error('there is no Temporal to start');
        const since = deps.now();
        temporal = child;
        void whenEnded(child, since);
        tell({ kind: 'temporal_up' });
      } catch (error) {
        if (state.ending === undefined)
          logger.error({ problem: messageOf(error) }, 'Temporal could not be started');
        tell({ kind: 'temporal_failed', message: deps.describe(error), code: deps.exitCodeOf(error) });
      }
    };

    const whenEnded = async (child: TemporalChild, since: number): Promise<void> => {
      await child.exited;
      temporal = undefined;
      if (state.ending === undefined) logger.error({}, 'Temporal ended by itself');
      tell({ kind: 'temporal_exited', upMs: deps.now() - since });
    };

    const startServer = async (): Promise<void> => {
      const since = deps.now();
      let child: ServerChild;
      try {
        child = await deps.startServer();
      } catch (error) {
        logger.error({ problem: messageOf(error) }, 'the server could not be started');
        tell({ kind: 'server_exited', code: null, upMs: 0 });
        return;
      }
      server = child;
      // The end may have begun while the process was being made.
      if (state.server === 'stopping') child.stop();
      void whenReady(child);
      const code = await child.exited;
      server = undefined;
      if (state.ending === undefined) logger.error({ code }, 'the server ended by itself');
      tell({ kind: 'server_exited', code, upMs: deps.now() - since });
    };

    const whenReady = async (child: ServerChild): Promise<void> => {
      await child.ready;
      tell({ kind: 'server_ready' });
    };

    const retryLater = (child: 'temporal' | 'server', delayMs: number, forRoom: boolean): void => {
      deps.after(delayMs, () => {
        if (!forRoom || state.ending !== undefined) tell({ kind: 'retry', child });
        else void retryWithRoom(child);
      });
    };

    const retryWithRoom = async (child: 'temporal' | 'server'): Promise<void> => {
      const room = await deps.hasRoom().catch((error: unknown) => {
        logger.warn({ problem: messageOf(error) }, 'cannot tell how full the disk is');
        return true;
      });
      if (room) {
        tell({ kind: 'retry', child });
        return;
      }
      logger.warn({}, 'the disk is full; the server starts again when there is room');
      retryLater(child, ROOM_EVERY_MS, true);
    };

    const unsubscribe = deps.onSignal(() => tell({ kind: 'signal' }));
    tell({ kind: 'begin' });
  });
