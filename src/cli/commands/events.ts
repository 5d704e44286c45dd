import type { Command } from 'commander';
import { callHeaders, type CrucibleClient } from '../../client/client.ts';
import { usageFailure } from '../exit.ts';
import { collect, given, jsonObject, oneOf, readText, time, wholeNumber, type JsonObject } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { addEventTail } from './event-tail.ts';
import { addEventWhy } from './event-why.ts';
import { withPages } from './list-options.ts';

type Publish = Parameters<CrucibleClient['events']['publish']['mutate']>[0];
type Events = NonNullable<Publish['events']>;

const order = oneOf(['asc', 'desc']);
const COLUMNS = ['id', 'position', 'type', 'timestamp', 'actor', 'subject'];

interface PublishOptions {
  readonly file?: string;
  readonly subject?: string;
  readonly room?: string;
  readonly id?: string;
  readonly idempotencyKey?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
}

/** Events, one a line, or as one JSON array. */
export const parseEvents = (text: string, name: string): readonly unknown[] => {
  const parse = (part: string, line: number): unknown => {
    try {
      return JSON.parse(part);
    } catch (error) {
      throw usageFailure(`${name}, line ${line}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (text.trimStart().startsWith('[')) {
    const list = parse(text, 1);
    return Array.isArray(list) ? list : [];
  }
  return text
    .split('\n')
    .map((part, index) => ({ part, line: index + 1 }))
    .filter(({ part }) => part.trim() !== '')
    .map(({ part, line }) => parse(part, line));
};

const withHeaders = (command: Command): Command =>
  command
    .option('--idempotency-key <key>', 'makes a repeat harmless')
    .option('--correlation-id <id>', 'the story that it belongs to')
    .option('--causation-id <event>', 'the event that led to it');

const publishing = (event: Command, acting: Acting): void => {
  withHeaders(event.command('publish [type]'))
    .argument('[payload]', 'a JSON object; default {}', jsonObject)
    .description('publish an event, or up to 1,000 from a file (JSON lines, or an array), all or none')
    .option('-f, --file <path>', 'events to publish; - is stdin')
    .option('--subject <subject>', 'what it is about')
    .option('--room <room>', 'where it happened')
    .option('--id <id>', 'its id, evt_ and a UUIDv7: published twice, it is stored once')
    .action(
      acting(
        async (
          { client, io, print },
          type: string | undefined,
          payload: JsonObject | undefined,
          { file, subject, room, id, ...headers }: PublishOptions,
        ) => {
          if ((type === undefined) === (file === undefined))
            throw usageFailure(
              'give either a type, or --file',
              'crucible event publish custom.hello \'{"n": 1}\'',
            );
          const context = callHeaders(
            given({
              idempotencyKey: headers.idempotencyKey,
              correlationId: headers.correlationId,
              causationId: headers.causationId,
            }),
          );
          const input =
            file === undefined
              ? { ...given({ type, subject, room, id }), payload: payload ?? {} }
              : // What is wrong with them is for the server to say, with their numbers.
                { events: parseEvents(await readText(io, file), file) as Events };
          print(await client.events.publish.mutate(input, { context }), {
            rows: 'data',
            columns: ['id', 'position', 'type', 'duplicate'],
          });
        },
      ),
    );
};

interface EventListOptions extends ListOptions {
  readonly type?: readonly string[];
  readonly actor?: string;
  readonly subject?: string;
  readonly correlationId?: string;
  readonly source?: string;
  readonly room?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: number;
  readonly before?: number;
  readonly order?: ReturnType<typeof order>;
  readonly when?: string;
}

const listing = (event: Command, acting: Acting): void => {
  withPages(event.command('list'))
    .description('events, the newest first')
    .option('-t, --type <type>', 'of this type or family (memory.*); may be given several times', collect)
    .option('--actor <actor>', 'who caused it, such as user:alice')
    .option('--subject <subject>', 'what it is about')
    .option('--correlation-id <id>', 'one story')
    .option('--source <source>', 'kind, or kind:id')
    .option('--room <room>', 'only this room')
    .option('--since <time>', 'from this time on; 2h is two hours ago', time)
    .option('--until <time>', 'before this time', time)
    .option('--after <position>', 'only greater positions', wholeNumber)
    .option('--before <position>', 'only lesser positions', wholeNumber)
    .option('--order <order>', 'asc or desc', order)
    .option('--when <expression>', 'a CEL expression over `event`')
    .action(
      acting((session, options: EventListOptions) => {
        const query = given({
          types: options.type === undefined ? undefined : [...options.type],
          actor: options.actor,
          subject: options.subject,
          correlation_id: options.correlationId,
          source: options.source,
          room: options.room,
          from_time: options.since,
          to_time: options.until,
          after: options.after,
          before: options.before,
          order: options.order,
          when: options.when,
        });
        const read = (page: object) => session.client.events.query.query({ ...query, ...page });
        return printPages(session, options, read, COLUMNS);
      }),
    );
};

/** `crucible event …` */
export const addEventCommands = (program: Command, acting: Acting): void => {
  const event = program.command('event').description('the log: publish and read events');
  publishing(event, acting);
  listing(event, acting);
  event
    .command('get <id>')
    .description('an event')
    .action(acting(async ({ client, print }, id: string) => print(await client.events.get.query({ id }))));
  withPages(event.command('trace <id>'))
    .description('the story of an event, in order')
    .action(
      acting((session, id: string, options: ListOptions) =>
        printPages(session, options, (page) => session.client.events.trace.query({ id, ...page }), [
          'id',
          'position',
          'depth',
          'type',
          'causation_id',
        ]),
      ),
    );
  addEventTail(event, acting);
  addEventWhy(event, acting);
  event
    .command('types')
    .description('the catalogue of event types')
    .action(
      acting(async ({ client, print }) =>
        print(await client.events.types.query({}), {
          rows: 'data',
          columns: ['type', 'version', 'description'],
        }),
      ),
    );
};
