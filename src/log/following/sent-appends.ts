import { CrucibleError } from '../../kernel/errors.ts';
import type { Log } from '../log.ts';
import { notLeader, type CommitFeed } from './commit-feed.ts';
import type { Leader, SentAppend, SentResult } from './leader.ts';

/** What is remembered of appends that were sent. Bytes as JSON. */
const REMEMBERED = { answers: 4_096, bytes: 16 * 1024 * 1024, ids: 100_000 };

interface Answered {
  readonly answer: Promise<SentResult>;
  /** Undefined: it is under way. */
  bytes: number | undefined;
}

/**
 * Does what followers send, once for each id, however often it is sent: the second time gets the answer of the first,
 * a failure too, since what failed without an answer of the database may be written all the same.
 *
 * Bounded: of an append whose answer is not kept any more, the second sending is refused with `log_unavailable`, as one
 * of which nobody can say what has become of it. Of 100,000 appends later nothing is known; a follower sends again for
 * seconds only.
 */
export const createSentAppends = ({
  log,
  feed,
  remembered = REMEMBERED,
}: {
  readonly log: Pick<Log, 'append'>;
  readonly feed: Pick<CommitFeed, 'leads' | 'sequence'>;
  readonly remembered?: { readonly answers: number; readonly bytes: number; readonly ids: number };
}): Pick<Leader, 'append'> => {
  const answers = new Map<string, Answered>();
  const forgotten = new Set<string>();
  let bytes = 0;

  const forget = (id: string, answered: Answered): void => {
    answers.delete(id);
    bytes -= answered.bytes ?? 0;
    forgotten.add(id);
    for (const oldest of forgotten) {
      if (forgotten.size <= remembered.ids) break;
      forgotten.delete(oldest);
    }
  };

  const shrink = (): void => {
    for (const [id, answered] of answers) {
      if (answers.size <= remembered.answers && bytes <= remembered.bytes) return;
      if (answered.bytes !== undefined) forget(id, answered);
    }
  };

  const ended = (id: string, size: number): void => {
    const answered = answers.get(id);
    if (answered === undefined) return;
    answered.bytes = size;
    bytes += size;
    shrink();
  };

  const append = async ({ epoch, request }: SentAppend): Promise<SentResult> => {
    if (!feed.leads(epoch)) throw notLeader();
    // At run time too: only what stands in this process may be adopted by it.
    if ('changes' in request || 'ticket' in request || 'after' in request)
      throw new CrucibleError('invalid', 'A sent append carries what only the process that writes may give');
    const result = await log.append(request);
    return { ...result, sequence: feed.sequence() };
  };

  return {
    append(sent) {
      const known = answers.get(sent.id);
      if (known !== undefined) return known.answer;
      if (forgotten.has(sent.id)) return Promise.reject(unknownOutcome());
      const answer = append(sent);
      answers.set(sent.id, { answer, bytes: undefined });
      answer.then(
        (result) => ended(sent.id, JSON.stringify(result).length),
        () => ended(sent.id, 0),
      );
      return answer;
    },
  };
};

const unknownOutcome = (): CrucibleError =>
  new CrucibleError('log_unavailable', 'What has become of this append is not remembered any more', {
    hint: 'Read whether it was written, or repeat it with the same idempotency key or event ids.',
  });
