import { CrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import { named } from '../kernel/references.ts';
import type { Log } from '../log/log.ts';
import type { Proposal } from '../state/change.ts';
import type { StateWriter } from '../state/writer.ts';
import type { MessageService } from './agent.ts';
import { agentNodeId } from './ids.ts';
import { membersOf } from './membership.ts';
import { findAgent, findRoom, type AgentRow } from './rows.ts';
import { answered, currentWorld, intendedPayload } from './write.ts';

/** All copies of a message are one commit, of 4 MiB at most. Bytes, and what an event has besides its content. */
const MAX_BYTES = 3_500_000;
const ENVELOPE_BYTES = 1_000;

/** @throws CrucibleError `payload_too_large` */
const assertFits = (content: string, recipients: number): void => {
  const bytes = (Buffer.byteLength(JSON.stringify(content)) + ENVELOPE_BYTES) * (recipients + 1);
  if (bytes <= MAX_BYTES) return;
  throw new CrucibleError('payload_too_large', `The message is too long for ${recipients} recipients.`, {
    hint: 'Keep the content elsewhere, in a memory for example, and send where it is.',
  });
};

/** What agents say to each other. A message is its events: nothing else is kept of it. */
export const createMessageService = ({
  log,
  writer,
  newId,
}: {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly newId: NewId;
}): MessageService => {
  const { records } = log;

  /** Who gets it. @throws CrucibleError `invalid` for nobody there, `forbidden` */
  const recipientsOf = async (
    sender: AgentRow,
    message: { readonly to: string } | { readonly room: string },
  ): Promise<readonly string[]> => {
    if ('to' in message)
      return [(await named('to', () => findAgent(records, sender.world, message.to))).agent];
    const room = await named('room', () => findRoom(records, sender.world, message.room));
    if (!sender.rooms.includes(message.room))
      throw new CrucibleError('forbidden', `The agent ${sender.agent} is not in the room ${message.room}.`, {
        hint: 'Only members send to a room: join it first, by POST /agents/{id}/rooms.',
      });
    return (await membersOf(records, room)).filter((agent) => agent !== sender.agent);
  };

  return {
    send: async (from, { content, ...target }, options = {}) => {
      const world = currentWorld();
      const room = 'room' in target ? target.room : undefined;
      const written = await writer.write(
        async (intended) => {
          const told = intendedPayload(intended, 'agent.message_sent');
          const recipients = await recipientsOf(await findAgent(records, world, from), target);
          assertFits(told.content, recipients.length);
          const received = recipients.map((agent): Proposal => ({
            type: 'agent.message_received',
            payload: {
              agent_id: agent,
              message_id: told.message_id,
              ...(room !== undefined && { room }),
              content: told.content,
              from: agentNodeId(from),
            },
            subject: agentNodeId(agent),
            room: room ?? null,
          }));
          return {
            change: { events: [...intended, ...received], mutations: [] },
            answer: { message_id: told.message_id, recipients: recipients.length },
          };
        },
        {
          ...options,
          intended: [
            {
              type: 'agent.message_sent',
              payload: {
                agent_id: from,
                message_id: newId('mail'),
                ...(room !== undefined && { room }),
                content,
                ...('to' in target && { to: agentNodeId(target.to) }),
              },
              subject: agentNodeId(from),
              room: room ?? null,
            },
          ],
        },
      );
      const [sent] = written.events;
      if (sent === undefined) throw new CrucibleError('internal', 'a message was not told');
      return {
        message_id: answered(written.answer, 'message_id') as string,
        event_id: sent.id,
        recipients: answered(written.answer, 'recipients') as number,
      };
    },
  };
};
