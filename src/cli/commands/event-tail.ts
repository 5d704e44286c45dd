import type { Command } from 'commander';
import type { CrucibleClient } from '../../client/client.ts';
import { usageFailure } from '../exit.ts';
import { collect, given, jsonObject, wholeNumber, type JsonObject } from '../input.ts';
import { printable, shortened } from '../printable.ts';
import type { Acting } from '../session.ts';

type StreamOptions = Parameters<CrucibleClient['stream']>[0];
type Filter = StreamOptions['filters'][number];

interface TailOptions {
  readonly type?: readonly string[];
  readonly filter?: JsonObject;
  readonly when?: string;
  readonly after?: number;
}

/** Widths are given: what comes next is not known when a line is printed. The last one is as long as it likes. */
const COLUMNS = [
  ['position', 10],
  ['timestamp', 26],
  ['type', 32],
  ['actor', 24],
  ['subject', 60],
] as const;

const lineOf = (cell: (name: (typeof COLUMNS)[number][0]) => string): string =>
  COLUMNS.map(([name, width]) => shortened(printable(cell(name)), width - 2).padEnd(width))
    .join('')
    .trimEnd();

/** `crucible event tail`: events as they happen, until Ctrl-C. */
export const addEventTail = (event: Command, acting: Acting): void => {
  event
    .command('tail')
    .description('events as they happen, also over breaks; Ctrl-C ends it')
    .option('-t, --type <type>', 'of this type or family (memory.*); may be given several times', collect)
    .option('--filter <conditions>', 'conditions on the payload, by path, as a JSON object', jsonObject)
    .option('--when <expression>', 'a CEL expression over `event`')
    .option('--after <position>', 'first what came after it; 0 is everything', wholeNumber)
    .action(
      acting(async ({ client, io, format, note }, { type, filter, when, after }: TailOptions) => {
        if (format !== 'table' && format !== 'jsonl')
          throw usageFailure(`events without an end are not ${format}`, 'Take -o table or -o jsonl.');
        // Says at once what is wrong with the server's address or the key; the stream would go on trying.
        await client.events.list.query({ limit: 1 });
        const conditions = given({ filter, when });
        const filters = (type ?? ['*']).map((event_type): Filter =>
          Object.assign({ event_type }, conditions),
        );
        const interrupted = new AbortController();
        const stopListening = io.onInterrupt(() => interrupted.abort());
        let reached = after;
        try {
          if (format === 'table') io.out(`${lineOf((name) => name.toUpperCase())}\n`);
          const events = client.stream({
            filters,
            ...given({ after }),
            signal: interrupted.signal,
            onNotice: note,
            onProgress: (position) => {
              reached = position;
            },
          });
          for await (const one of events)
            io.out(
              `${format === 'jsonl' ? JSON.stringify(one) : lineOf((name) => String(one[name] ?? '-'))}\n`,
            );
        } finally {
          stopListening();
        }
        if (reached !== undefined) note(`to go on from here: --after ${reached}`);
      }),
    );
};
