import { CrucibleError } from '../../../kernel/errors.ts';
import type { LeadingLog } from '../../create-log.ts';
import { createCommitFeed, type CommitFeedDeps } from '../commit-feed.ts';
import type { After } from '../feed-session.ts';
import type { FeedItem, Leader, SentAppend } from '../leader.ts';
import { createSentAppends } from '../sent-appends.ts';

/** A leader in this process, whose connections the test cuts. */
export interface NearLeader extends Leader {
  /** Ends the feeds that are under way; what is on its way in them is lost. */
  cut(): void;
  /** Once a second. */
  tick(): void;
  /** What was sent, each time. */
  readonly sent: SentAppend[];
  /** The next append is done and its answer lost, or not even received. */
  loseNext(what: 'answer' | 'request'): void;
  /** It is not there any more for anybody who comes. */
  leave(): void;
  close(): void;
}

const lost = (): CrucibleError => new CrucibleError('log_unavailable', 'The connection was lost');

/** The feed of this log, and appends to it, without a network between. */
export const createNearLeader = (
  log: LeadingLog,
  options: Pick<CommitFeedDeps, 'capacity'> = {},
): NearLeader => {
  const { everySecond, tick } = manualSeconds();
  const feed = createCommitFeed({ log, everySecond, ...options });
  const appends = createSentAppends({ log, feed });
  const sent: SentAppend[] = [];
  const connections = new Set<AbortController>();
  const losing: ('answer' | 'request')[] = [];
  let gone = false;

  return {
    url: 'http://leader.internal:7000',
    sent,
    async append(append) {
      sent.push(append);
      if (gone) throw lost();
      const loss = losing.shift();
      if (loss === 'request') throw lost();
      const result = await appends.append(structuredClone(append));
      if (loss === 'answer') throw lost();
      return structuredClone(result);
    },
    async *follow({ signal, ...rest }): AsyncGenerator<FeedItem, void, void> {
      if (gone) throw lost();
      const connection = new AbortController();
      connections.add(connection);
      try {
        const both = AbortSignal.any([signal, connection.signal]);
        for await (const item of feed.follow({ ...rest, signal: both })) {
          if (connection.signal.aborted) break;
          yield structuredClone(item);
        }
      } finally {
        connections.delete(connection);
      }
      if (connection.signal.aborted) throw lost();
    },
    cut() {
      for (const connection of connections) connection.abort();
    },
    tick,
    loseNext: (what) => void losing.push(what),
    leave() {
      gone = true;
    },
    close: feed.close,
  };
};

/** Short waits take a turn, long ones never end. */
export const impatient: After = (delayMs, work) => {
  const timer = delayMs < 1_000 ? setImmediate(work) : undefined;
  return () => clearImmediate(timer);
};

/** Time that passes when the test says so. */
export const manualTime = (): { readonly after: After; pass(ms: number): void; due(): number } => {
  let now = 0;
  const due = new Set<{ readonly at: number; readonly work: () => void }>();
  return {
    after(delayMs, work) {
      const timer = { at: now + delayMs, work };
      due.add(timer);
      return () => void due.delete(timer);
    },
    due: () => due.size,
    pass(ms) {
      now += ms;
      for (const timer of [...due].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)) {
        if (due.delete(timer)) timer.work();
      }
    },
  };
};

/** Seconds that pass when the test says so. */
export const manualSeconds = (): {
  readonly everySecond: CommitFeedDeps['everySecond'];
  readonly tick: () => void;
} => {
  let act = (): void => undefined;
  return {
    everySecond: (given) => {
      act = given;
      return () => {
        act = () => undefined;
      };
    },
    tick: () => act(),
  };
};
