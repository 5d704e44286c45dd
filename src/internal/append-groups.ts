import { CrucibleError } from '../kernel/errors.ts';
import type { SentAppend, SentResult } from '../log/following/leader.ts';
import { encodeSentAppend } from './append-codec.ts';
import { MAX_BODY_BYTES, MAX_GROUP } from './protocol.ts';

/** What a group may hold beside its requests: brackets, commas, a name. */
const MARGIN_BYTES = 64 * 1024;
const LIMITS = { requestBytes: MAX_BODY_BYTES - MARGIN_BYTES, groupBytes: 4 * 1024 * 1024 };
/** What may wait; ledger writes may wait always. */
const QUEUE = { requests: 20_000, bytes: 64 * 1024 * 1024 };
const RETRY_AFTER_MS = 250;

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly settle: (answer: SentResult | CrucibleError) => void;
}

export interface AppendGroups {
  append(sent: SentAppend): Promise<SentResult>;
  /** Refuses everything that waits, and what comes. */
  close(error: CrucibleError): void;
}

/**
 * The line of appends in front of the connection: what queued while the group before was under way goes in one request,
 * as the log itself does with commits. So one group is under way at a time, and appends arrive in the order in which they
 * were made.
 */
export const createAppendGroups = (
  /** Never rejects: an error instead of the answers is the answer to each. */
  send: (texts: readonly string[]) => Promise<readonly (SentResult | CrucibleError)[] | CrucibleError>,
): AppendGroups => {
  let waiting: Waiting[] = [];
  let bytes = 0;
  let pumping = false;
  let closed: CrucibleError | undefined;

  const take = (): readonly Waiting[] => {
    let size = 0;
    let count = 0;
    for (const next of waiting) {
      if (count > 0 && (count >= MAX_GROUP || size + next.bytes > LIMITS.groupBytes)) break;
      size += next.bytes;
      count += 1;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    bytes -= size;
    return group;
  };

  const pump = async (): Promise<void> => {
    pumping = true;
    // After the current turn, so that what is appended in one turn is one group.
    await Promise.resolve();
    while (waiting.length > 0) {
      const group = take();
      const answers = await send(group.map(({ text }) => text));
      for (const [i, { settle }] of group.entries()) {
        const answer = answers instanceof CrucibleError ? answers : answers[i];
        settle(answer ?? new CrucibleError('internal', 'An append got no answer'));
      }
    }
    pumping = false;
  };

  const append: AppendGroups['append'] = async (sent) => {
    if (closed !== undefined) throw closed;
    const text = encodeSentAppend(sent);
    const size = Buffer.byteLength(text);
    if (size > LIMITS.requestBytes) {
      throw new CrucibleError(
        'payload_too_large',
        `The append has ${size} bytes, and at most ${LIMITS.requestBytes} can be sent to the process that writes`,
      );
    }
    const full = waiting.length >= QUEUE.requests || bytes + size > QUEUE.bytes;
    if (full && sent.request.ledger !== true) {
      throw new CrucibleError('overloaded', 'As much as may wait for the process that writes is waiting', {
        hint: 'Send the request again after the time given, and fewer at once.',
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    const answer = await new Promise<SentResult | CrucibleError>((settle) => {
      waiting.push({ text, bytes: size, settle });
      bytes += size;
      if (!pumping) void pump();
    });
    if (answer instanceof CrucibleError) throw answer;
    return answer;
  };

  return {
    append,
    close: (error) => {
      closed = error;
      for (const { settle } of waiting) settle(error);
      waiting = [];
      bytes = 0;
    },
  };
};
