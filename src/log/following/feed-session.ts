import { CrucibleError, isCrucibleError, messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { FeedItem, Leader, ToldCommit } from './leader.ts';

/*
 * States of a session, which belongs to one leader in one epoch:
 *
 *   opening    the leader was asked for its feed, and has not said hello yet                -> following, over
 *   following  each commit is handed on as it comes                                         -> cut, over, closed
 *   cut        the feed has ended: it is asked for what comes after the last commit handed on -> following, over, closed
 *   over       no word for SILENCE_MS, in any of the states before; or the leader is none any more; or a commit is missing
 *   closed     by us
 *
 * Guarantee: commits are handed on in order, each once, without a gap, until the session is over; none after that.
 */

/** Silence of the leader after which it counts as gone. It says something every second. */
export const SILENCE_MS = 5_000;
/** Between a feed that ended and the next one. */
const RETRY_MS = 100;

/** Runs `work` after `delayMs`; returns what cancels it. */
export type After = (delayMs: number, work: () => void) => () => void;

type Hello = Extract<FeedItem, { kind: 'hello' }>;

export interface FeedSession {
  /** What the leader said first. */
  readonly hello: Hello;
  /** Why the session is over, in the turn in which it is. */
  ended(): CrucibleError | undefined;
  /** Resolves when the session is over; not when it is closed. */
  readonly over: Promise<CrucibleError>;
  /** Why the leader cannot write at the moment, in its words. */
  problem(): string | undefined;
  /** Says that the leader is gone; nothing happens if the session is over. */
  end(error: CrucibleError): void;
  close(): void;
}

export interface FeedSessionDeps {
  readonly leader: Pick<Leader, 'url' | 'follow'>;
  readonly epoch: number;
  readonly after: After;
  readonly logger: Logger;
  /** Called with each commit. Must not throw. */
  readonly onCommit: (told: ToldCommit) => void;
}

/**
 * Resolves when the leader has said hello.
 * @throws CrucibleError `fenced`: it is not the leader of this epoch; `log_unavailable`: it does not answer
 */
export const openFeedSession = async (deps: FeedSessionDeps): Promise<FeedSession> => {
  const { leader, epoch, after, logger } = deps;
  const aborted = new AbortController();
  const { signal } = aborted;
  const greeted = Promise.withResolvers<Hello>();
  const over = Promise.withResolvers<CrucibleError>();
  let error: CrucibleError | undefined;
  let problem: string | null = null;
  let cancelSilence = (): void => undefined;
  let endPause = (): void => undefined;
  /** Why the feed was cut, if there has been no word since. */
  let cut: unknown;
  let toldOfCut = false;
  /** The last commit that was handed on. */
  let received: number | undefined;

  const close = (): void => {
    cancelSilence();
    aborted.abort();
    endPause();
  };
  const end = (reason: CrucibleError): void => {
    if (signal.aborted) return;
    error = reason;
    close();
    greeted.reject(reason);
    over.resolve(reason);
  };
  const heard = (): void => {
    toldOfCut = false;
    cancelSilence();
    cut = undefined;
    cancelSilence = after(SILENCE_MS, () => end(silent(leader.url, cut)));
  };

  const take = (item: FeedItem): void => {
    heard();
    if (item.kind === 'alive') {
      ({ problem } = item);
    } else if (item.kind === 'hello') {
      received ??= item.sequence;
      greeted.resolve(item);
    } else if (received === undefined || item.sequence !== received + 1) {
      end(missing(leader.url, received, item.sequence));
    } else {
      received = item.sequence;
      deps.onCommit(item);
    }
  };

  const follow = async (): Promise<void> => {
    const resume = received === undefined ? undefined : { after: received };
    for await (const item of leader.follow({ epoch, signal, ...resume })) {
      if (signal.aborted) return;
      take(item);
    }
  };

  /** Once, until something is heard again. */
  const tellOfCut = (cause: string): void => {
    if (signal.aborted || toldOfCut) return;
    toldOfCut = true;
    logger.warn({ url: leader.url, cause }, 'The feed of the writing process was cut');
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await follow();
        tellOfCut('It has ended');
      } catch (cause) {
        if (isCrucibleError(cause, 'fenced')) end(cause);
        cut = cause;
        tellOfCut(messageOf(cause));
      }
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        endPause = resolve;
        after(RETRY_MS, resolve);
      });
    }
  };

  heard();
  // It ends with the session, and catches what the feed throws.
  void run();
  return {
    hello: await greeted.promise,
    ended: () => error,
    over: over.promise,
    problem: () => problem ?? undefined,
    end,
    close,
  };
};

const silent = (url: string, cut: unknown): CrucibleError => {
  const why = cut === undefined ? '' : `: ${messageOf(cut)}`;
  return new CrucibleError(
    'log_unavailable',
    `The process that writes, at ${url}, has given no word for 5 s${why}`,
    {
      hint: 'Send the request again: this process goes on with whichever writes next.',
      retryAfterMs: 1_000,
      cause: cut,
    },
  );
};

const missing = (url: string, received: number | undefined, told: number): CrucibleError =>
  new CrucibleError(
    'internal',
    `The process that writes, at ${url}, told of commit ${told} after ${received ?? 'none'}`,
  );
