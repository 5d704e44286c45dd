import { CrucibleError } from '../../kernel/errors.ts';
import type { LeadingLog } from '../create-log.ts';
import type { Committed } from '../log.ts';
import type { FeedItem, Leader } from './leader.ts';

/** How much of the last commits is kept for followers that were cut off, or read slowly. Bytes as JSON. */
const CAPACITY = { commits: 4_096, bytes: 32 * 1024 * 1024 };
/** For how many seconds it is kept when nobody follows any more. */
const KEPT_SECONDS = 10;

/** What the process that writes tells its followers. */
export interface CommitFeed extends Pick<Leader, 'follow'> {
  /** Of the last acknowledged commit. */
  sequence(): number;
  /** Whether this process has written in that epoch, and nobody else since. */
  leads(epoch: number): boolean;
  /** From now on it is nobody's leader: feeds end with `fenced`. */
  close(): void;
}

export interface CommitFeedDeps {
  readonly log: Pick<LeadingLog, 'onCommit' | 'head' | 'epoch' | 'batch' | 'firstAvailable' | 'problem'>;
  /** Calls `act` every second until its answer is called. */
  readonly everySecond: (act: () => void) => () => void;
  readonly capacity?: { readonly commits: number; readonly bytes: number };
}

type CommitItem = Extract<FeedItem, { kind: 'commit' }>;

/** A feed that is under way. */
interface Reader {
  aliveDue: boolean;
  wake: () => void;
}

/**
 * Counts the commits of the log from now on, and tells them to whoever follows.
 *
 * Guarantee: a follower gets every commit after the one where it began, once, in order, or is told `fenced`. Memory is
 * bounded however slowly anybody reads: of the commits that are not read yet only the last ones are kept, by count and by
 * bytes (the newest one whatever its size), and who needs an older one is told `fenced`. Nothing is kept while nobody
 * follows, but for some seconds after the last one, who may come back.
 */
export const createCommitFeed = ({ log, everySecond, capacity = CAPACITY }: CommitFeedDeps): CommitFeed => {
  const firstEpoch = log.epoch();
  const kept = new Map<number, { readonly item: CommitItem; readonly bytes: number }>();
  const readers = new Set<Reader>();
  let bytes = 0;
  let sequence = 0;
  let secondsAlone = KEPT_SECONDS;
  let closed = false;

  // What another process wrote in between would have been noticed when the lease was taken anew.
  const leads = (epoch: number): boolean => !closed && epoch >= firstEpoch && epoch <= log.epoch();

  const forgetOldest = (): void => {
    const [oldest] = kept;
    if (oldest === undefined) return;
    kept.delete(oldest[0]);
    bytes -= oldest[1].bytes;
  };

  const keep = (committed: Committed): void => {
    const item: CommitItem = { kind: 'commit', sequence, batch: committed.batch, committed };
    const size = JSON.stringify(committed).length;
    kept.set(sequence, { item, bytes: size });
    bytes += size;
    while (kept.size > 1 && (kept.size > capacity.commits || bytes > capacity.bytes)) forgetOldest();
  };

  const wakeAll = (): void => {
    for (const { wake } of readers) wake();
  };

  const stopListening = log.onCommit((committed) => {
    sequence += 1;
    if (secondsAlone >= KEPT_SECONDS) return;
    keep(committed);
    wakeAll();
  });

  const stopTicking = everySecond(() => {
    secondsAlone = readers.size > 0 ? 0 : secondsAlone + 1;
    if (secondsAlone >= KEPT_SECONDS) {
      kept.clear();
      bytes = 0;
    }
    for (const reader of readers) {
      reader.aliveDue = true;
      reader.wake();
    }
  });

  const hello = (): FeedItem => ({
    kind: 'hello',
    epoch: log.epoch(),
    sequence,
    batch: log.batch(),
    head: log.head(),
    firstAvailable: log.firstAvailable(),
  });

  /** What a reader is to be told next; undefined: nothing yet. @throws CrucibleError `fenced` */
  const nextFor = (reader: Reader, next: number): FeedItem | undefined => {
    if (closed) throw notLeader();
    if (reader.aliveDue) {
      reader.aliveDue = false;
      return { kind: 'alive', problem: log.problem() ?? null };
    }
    if (next > sequence) return undefined;
    const found = kept.get(next);
    if (found === undefined) throw tooOld(next);
    return found.item;
  };

  async function* follow({
    epoch,
    after = sequence,
    signal,
  }: Parameters<Leader['follow']>[0]): AsyncGenerator<FeedItem, void, void> {
    if (!leads(epoch)) throw notLeader();
    // One that has seen more than there is has seen another leader's.
    if (after > sequence) throw notLeader();
    if (after < sequence && !kept.has(after + 1)) throw tooOld(after + 1);
    const reader: Reader = { aliveDue: false, wake: () => undefined };
    const stop = (): void => reader.wake();
    signal.addEventListener('abort', stop);
    readers.add(reader);
    secondsAlone = 0;
    try {
      yield hello();
      for (let next = after + 1; !signal.aborted;) {
        const item = nextFor(reader, next);
        if (item === undefined) {
          await new Promise<void>((resolve) => {
            reader.wake = resolve;
          });
        } else {
          if (item.kind === 'commit') next += 1;
          yield item;
        }
      }
    } finally {
      readers.delete(reader);
      signal.removeEventListener('abort', stop);
    }
  }

  return {
    follow,
    sequence: () => sequence,
    leads,
    close() {
      closed = true;
      stopListening();
      stopTicking();
      kept.clear();
      wakeAll();
    },
  };
};

export const notLeader = (): CrucibleError =>
  new CrucibleError('fenced', 'This process does not write the log in that epoch (any more)', {
    hint: 'Ask the database who does, and go to that one.',
  });

const tooOld = (sequence: number): CrucibleError =>
  new CrucibleError('fenced', `Commit ${sequence} of this process is not kept any more`, {
    hint: 'Read the database anew, and follow from now on.',
  });
