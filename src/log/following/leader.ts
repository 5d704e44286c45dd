import type { AppendRequest, AppendResult, Committed } from '../log.ts';

/*
 * One process writes (the leader: it holds the lease of the store), others follow it: they read the same store, are told
 * of every commit in order, and send what they have to append. A follower belongs to one leader in one epoch. When that
 * leader is gone, so is everything that the follower was composed of, and it begins anew with the next one.
 */

/** A commit as the leader tells followers of it. */
export interface ToldCommit {
  /** Counts the commits of this leader from 1, without a gap. When it had to take the lease anew, it counts on. */
  readonly sequence: number;
  /** The id of the batch, as the head record of the store has it. */
  readonly batch: string;
  readonly committed: Committed;
}

export type FeedItem =
  /** First of all. What was committed up to `sequence` is in the store and is not told, unless `after` asked for it. */
  | {
      readonly kind: 'hello';
      readonly epoch: number;
      readonly sequence: number;
      /** Of the last acknowledged commit; null: this leader took over a store that was never written. */
      readonly batch: string | null;
      readonly head: number;
      readonly firstAvailable: number;
    }
  | ({ readonly kind: 'commit' } & ToldCommit)
  /** Every second, so that silence means that something is broken. `problem`: why nothing can be written at the moment. */
  | { readonly kind: 'alive'; readonly problem: string | null };

/**
 * An append that a follower sends. Registry changes are decided by the leader alone, and what requests rest on others
 * that are under way is known in one process only, so it carries neither.
 */
export interface SentAppend {
  /** Of this request alone. Sent again under the same id, to the same leader, it is appended once. */
  readonly id: string;
  /** Of the leader that the follower belongs to: another one, which may listen at the same place by now, refuses it. */
  readonly epoch: number;
  readonly request: Omit<AppendRequest, 'changes' | 'ticket' | 'after'>;
}

export interface SentResult extends AppendResult {
  /** Of the leader's last commit when it answered: who has applied that one has applied what the request wrote. */
  readonly sequence: number;
}

/** The process that writes, as its followers see it. */
export interface Leader {
  /** Where it is, for messages to people. */
  readonly url: string;
  /**
   * @throws CrucibleError those of `Log.append`; `log_unavailable` when no answer came, in which case it may or may not
   *   have been appended; `fenced`: it is not the leader of this epoch
   */
  append(sent: SentAppend): Promise<SentResult>;
  /**
   * Its commits, in order, without a gap: from now on, or those after a sequence that was seen before.
   * Ends (or throws) when the connection is lost; the caller goes on with `after`.
   * @throws CrucibleError `fenced`: it is not the leader of this epoch (any more), or does not have so old a commit
   */
  follow(options: {
    readonly epoch: number;
    readonly after?: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<FeedItem>;
}

/** Who holds the lease, as the store says. */
export interface LeaderRecord {
  readonly epoch: number;
  /** Of its internal listener; null: it has none, so nobody can follow it. */
  readonly url: string | null;
  /** How much longer the lease is good, ms; 0 or less: it is over. */
  readonly leaseMs: number;
}
