import type { Command } from 'commander';
import { connect, type ConnectionOptions } from './connection.ts';
import { describeFailure, errorText } from './failure.ts';
import { CliFailure, EXIT, type ExitCode } from './exit.ts';
import type { CrucibleClient } from '../client/client.ts';
import type { CliIo } from './io.ts';
import { render, rowsIn, type OutputFormat, type Shape } from './output.ts';

/** What the work of one command is done with. */
export interface Session {
  readonly client: CrucibleClient;
  readonly io: CliIo;
  readonly format: OutputFormat;
  /** Data for whoever asked. */
  readonly print: (answer: unknown, shape?: Shape) => void;
  /** Words beside the data. */
  readonly note: (text: string) => void;
  /** The program ends with this, although nothing is thrown. */
  readonly endWith: (code: ExitCode) => void;
}

interface CommonOptions extends ConnectionOptions {
  readonly output?: OutputFormat;
}

/** Where a command leaves what the program is to end with. */
export interface Ending {
  code: ExitCode;
}

type Work<Args extends readonly unknown[]> = (session: Session, ...args: Args) => Promise<void>;

/** Makes the actions of commands out of their work: connects, and tells what went wrong. */
export type Acting = <Args extends readonly unknown[]>(
  work: Work<Args>,
) => (this: Command, ...args: unknown[]) => Promise<void>;

export const createActing =
  (io: CliIo, ending: Ending): Acting =>
  (work) =>
    async function act(...args) {
      const command = args.at(-1) as Command;
      const options = command.optsWithGlobals<CommonOptions>();
      const format = options.output ?? 'table';
      let url: string | undefined;
      try {
        const connection = await connect(io, options);
        url = connection.url;
        const session: Session = {
          client: connection.client,
          io,
          format,
          print(answer, shape = {}) {
            const text = render(answer, shape, { format, colors: io.colors });
            if (text !== '') io.out(`${text}\n`);
            else if (format === 'table') io.err('nothing found\n');
          },
          note: (text) => io.err(`${text}\n`),
          endWith: (code) => void (ending.code = code),
        };
        await (work as unknown as Work<unknown[]>)(session, ...args.slice(0, -1));
      } catch (error) {
        const told = describeFailure(error, url);
        io.err(errorText(told, io.colors));
        ending.code = told.exitCode;
      }
    };

/** Options of every list. */
export interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

interface Page {
  readonly data: readonly unknown[];
  readonly next_cursor: string | null;
}

/** One page, or with `--all` every page; as lines each page is printed when it comes. */
export const printPages = async (
  session: Session,
  options: ListOptions,
  read: (page: { readonly limit?: number; readonly cursor?: string }) => Promise<Page>,
  columns: readonly string[],
): Promise<void> => {
  const shape: Shape = { rows: 'data', columns };
  const limit = options.limit === undefined ? {} : { limit: options.limit };
  const first = await read({ ...limit, ...(options.cursor === undefined ? {} : { cursor: options.cursor }) });
  if (options.all !== true) {
    session.print(first, shape);
    if (first.next_cursor !== null && session.format !== 'json' && session.format !== 'yaml')
      session.note(`more: --cursor ${first.next_cursor} (or --all)`);
    return;
  }
  const kept: unknown[] = [];
  const take = (page: Page): void => {
    if (session.format !== 'jsonl') kept.push(...rowsIn(page, 'data'));
    else if (page.data.length > 0) session.print(page, shape);
  };
  take(first);
  for (let cursor = first.next_cursor; cursor !== null;) {
    const page = await read({ ...limit, cursor });
    take(page);
    // A server that gives the same cursor again would be asked for ever.
    if (page.next_cursor === cursor)
      throw new CliFailure('the server gave the same page again', { exitCode: EXIT.failed });
    cursor = page.next_cursor;
  }
  if (session.format !== 'jsonl') session.print({ data: kept, next_cursor: null }, shape);
};
