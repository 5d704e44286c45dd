import { CrucibleError, isCrucibleError, messageOf } from '../../kernel/errors.ts';
import type { NewId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { AppendRequest } from '../log.ts';
import type { After } from './feed-session.ts';
import type { Interruption } from './interruption.ts';
import type { Leader, SentAppend, SentResult } from './leader.ts';

/** How long an append that got no answer is sent again. */
const RETRY_WITHIN_MS = 5_000;
const RETRY_MS = 100;

export interface SenderDeps {
  readonly leader: Pick<Leader, 'append'>;
  readonly epoch: number;
  readonly newId: NewId;
  readonly after: After;
  readonly logger: Logger;
  /** When the leader is gone. */
  readonly gone: Pick<Interruption, 'unless'>;
  /** Why the leader cannot write, in its own words. */
  readonly problem: () => string | undefined;
}

/**
 * Sends what a follower appends to its leader. What gets no answer is sent again under the same id, which the leader
 * appends once.
 * @throws CrucibleError those of `Log.append`; `internal` for what only the process that writes may append
 */
export const createSender = (deps: SenderDeps): ((request: AppendRequest) => Promise<SentResult>) => {
  const { leader, epoch, after, logger } = deps;

  return async (request) => {
    const sent: SentAppend = { id: deps.newId('req'), epoch, request: sendable(request) };
    let late = false;
    const cancel = after(RETRY_WITHIN_MS, () => {
      late = true;
    });
    try {
      for (;;) {
        try {
          return await deps.gone.unless(leader.append(sent));
        } catch (error) {
          // Its own refusal would be the same again: the answer under an id does not change.
          const again = isCrucibleError(error, 'log_unavailable') && deps.problem() === undefined && !late;
          if (!again) throw error;
          logger.warn({ id: sent.id, cause: messageOf(error) }, 'An append got no answer, sending it again');
        }
        await deps.gone.unless(pause(after));
      }
    } finally {
      cancel();
    }
  };
};

const pause = (after: After): Promise<void> =>
  new Promise((resolve) => {
    after(RETRY_MS, resolve);
  });

const sendable = ({
  changes = [],
  ticket,
  after: founded,
  ...request
}: AppendRequest): SentAppend['request'] => {
  if (changes.length === 0 && ticket === undefined && founded === undefined) return request;
  throw new CrucibleError('internal', 'Only the process that writes may append this');
};
