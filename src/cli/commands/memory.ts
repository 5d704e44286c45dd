import type { Command } from 'commander';
import type { CrucibleClient } from '../../client/client.ts';
import { usageFailure } from '../exit.ts';
import {
  collect,
  decimal,
  given,
  jsonObject,
  readText,
  time,
  wholeNumber,
  type JsonObject,
} from '../input.ts';
import { printPages, type Acting, type ListOptions, type Session } from '../session.ts';
import { importFiles } from './memory-import.ts';
import { withPages } from './list-options.ts';

interface Written {
  readonly file?: string;
  readonly name?: string;
  readonly metadata?: JsonObject;
}

/** A shell reads an unquoted # as the start of a comment, so tags may come without it. */
const withHash = (tag: string): string => (tag.startsWith('#') ? tag : `#${tag}`);

const COLUMNS = ['id', 'title', 'tags', 'updated_at'];

/** The text that was typed, or that of the file. */
const contentOf = async (
  session: Session,
  text: string | undefined,
  file: string | undefined,
): Promise<string | undefined> => {
  if (text !== undefined && file !== undefined) throw usageFailure('give either a text or --file, not both');
  return file === undefined ? text : readText(session.io, file);
};

const reading = (memory: Command, acting: Acting): void => {
  memory
    .command('get <id>')
    .description('a memory with its links')
    .action(acting(async ({ client, print }, id: string) => print(await client.memory.get.query({ id }))));
  withPages(memory.command('list'))
    .description('memories, in the order in which they were made')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.memory.list.query(page), COLUMNS),
      ),
    );
  memory
    .command('query [text]')
    .description('find memories by text, meaning, tags, links and time')
    .option('--semantic <text>', 'by meaning, where the server has embeddings')
    .option('-t, --tag <tag>', 'with this tag; several: with all of them', collect)
    .option('--linked-to <id>', 'only those that link to this memory')
    .option('--since <time>', 'last written at this time or later; 7d is seven days ago', time)
    .option('--until <time>', 'last written before this time', time)
    .option('--min-relevance <number>', 'from 0 to 1', decimal)
    .option('-n, --limit <number>', 'how many on a page', wholeNumber)
    .option('--page <number>', 'from 1', wholeNumber)
    .action(
      acting(async (session, text: string | undefined, options: QueryOptions) => {
        const answer = await session.client.memory.query.query(
          given({
            text,
            semantic: options.semantic,
            tags: options.tag?.map(withHash),
            linked_to: options.linkedTo,
            since: options.since,
            until: options.until,
            min_relevance: options.minRelevance,
            limit: options.limit,
            page: options.page,
          }),
        );
        session.print(answer, {
          rows: 'results',
          columns: ['memory.id', 'memory.title', 'relevance', 'match_reason'],
        });
        if (options.semantic !== undefined && answer.semantic_by === 'text')
          session.note('by text: the server has no embeddings endpoint');
        if (session.format === 'table' && answer.total > answer.results.length)
          session.note(`${answer.results.length} of ${answer.total}, page ${answer.page}`);
      }),
    );
};

interface QueryOptions {
  readonly semantic?: string;
  readonly tag?: readonly string[];
  readonly linkedTo?: string;
  readonly since?: string;
  readonly until?: string;
  readonly minRelevance?: number;
  readonly limit?: number;
  readonly page?: number;
}

const writing = (memory: Command, acting: Acting): void => {
  memory
    .command('add [text]')
    .description('create a memory from Markdown: the text, a file, or stdin (--file -)')
    .option('-f, --file <path>', 'read the text from here; - is stdin')
    .option('--name <name>', 'a name that wikilinks may use')
    .option('--metadata <json>', 'kept beside it', jsonObject)
    .action(
      acting(async (session, text: string | undefined, { file, name, metadata }: Written) => {
        const content = await contentOf(session, text, file);
        if (content === undefined) throw usageFailure('there is no text', 'Give one, or --file <path>.');
        session.print(await session.client.memory.create.mutate({ content, ...given({ name, metadata }) }));
      }),
    );
  memory
    .command('update <id> [text]')
    .description('change a memory; what is not given stays')
    .option('-f, --file <path>', 'read the text from here; - is stdin')
    .option('--name <name>', 'a name that wikilinks may use')
    .option('--metadata <json>', 'replaces all of it', jsonObject)
    .option('--expected-hash <sha256>', 'only if the content still has this hash')
    .action(
      acting(
        async (
          session,
          id: string,
          text: string | undefined,
          { file, name, metadata, expectedHash }: Written & { readonly expectedHash?: string },
        ) => {
          const content = await contentOf(session, text, file);
          const changes = given({ content, name, metadata, expected_hash: expectedHash });
          session.print(await session.client.memory.update.mutate({ id, ...changes }));
        },
      ),
    );
  memory
    .command('rm <ids...>')
    .description('delete memories')
    .option('--reason <text>', 'stands in the event')
    .action(
      acting(async ({ client, note }, ids: readonly string[], { reason }: { readonly reason?: string }) => {
        for (const id of ids) {
          await client.memory.delete.mutate({ id, ...given({ reason }) });
          note(`deleted ${id}`);
        }
      }),
    );
  memory
    .command('import <paths...>')
    .description(
      'make memories of files, and of all Markdown files in directories; repeating it changes nothing',
    )
    .action(acting(importFiles));
  memory
    .command('consolidate <ids...>')
    .description('make one memory of several')
    .option('-f, --file <path>', 'what it says; else all of them joined')
    .option('--name <name>', 'a name that wikilinks may use')
    .option('--summary <text>', 'stands in the event')
    .action(
      acting(
        async (
          session,
          ids: readonly string[],
          {
            file,
            name,
            summary,
          }: { readonly file?: string; readonly name?: string; readonly summary?: string },
        ) => {
          const content = await contentOf(session, undefined, file);
          session.print(
            await session.client.memory.consolidate.mutate({
              ids: [...ids],
              ...given({ content, name, summary }),
            }),
          );
        },
      ),
    );
  memory
    .command('prune')
    .description('clear old memories away')
    .option('--older-than <time>', 'last written before this time; 90d is ninety days ago', time)
    .option('-t, --tag <tag>', 'with this tag; several: with all of them', collect)
    .option('--max <number>', 'how many at most', wholeNumber)
    .option('--dry-run', 'only say which')
    .action(
      acting(async ({ client, print }, options: PruneOptions) => {
        const answer = await client.memory.prune.mutate(
          given({
            older_than: options.olderThan,
            tags: options.tag?.map(withHash),
            max: options.max,
            dry_run: options.dryRun,
          }),
        );
        print(answer, { rows: 'ids', columns: ['id'] });
      }),
    );
};

interface PruneOptions {
  readonly olderThan?: string;
  readonly tag?: readonly string[];
  readonly max?: number;
  readonly dryRun?: boolean;
}

const joining = (memory: Command, acting: Acting): void => {
  memory
    .command('link <from> <to>')
    .description('link a memory to another')
    .option('--type <type>', 'what the link says, such as cites')
    .option('--strength <number>', 'above 0, at most 1', decimal)
    .action(
      acting(
        async (
          { client, print },
          id: string,
          to: string,
          { type, strength }: { readonly type?: string; readonly strength?: number },
        ) => print(await client.memory.link.mutate({ id, to, ...given({ link_type: type, strength }) })),
      ),
    );
  memory
    .command('unlink <from> <to>')
    .description('take a link away')
    .option('--type <type>', 'what the link says')
    .action(
      acting(async ({ client, print }, id: string, to: string, { type }: { readonly type?: string }) =>
        print(await client.memory.unlink.mutate({ id, to, ...given({ link_type: type }) })),
      ),
    );
  const tagging = (name: 'tag' | 'untag', description: string): void => {
    memory
      .command(`${name} <id> <tags...>`)
      .description(description)
      .action(
        acting(async ({ client, print }, id: string, tags: readonly string[]) => {
          let last: Awaited<ReturnType<CrucibleClient['memory']['tag']['mutate']>> | undefined;
          for (const tag of tags) last = await client.memory[name].mutate({ id, tag: withHash(tag) });
          print(last);
        }),
      );
  };
  tagging('tag', 'tag a memory, with or without the #');
  tagging('untag', 'take tags away');
};

/** `crucible memory …` */
export const addMemoryCommands = (program: Command, acting: Acting): void => {
  const memory = program.command('memory').description('what agents remember: Markdown with links and tags');
  writing(memory, acting);
  reading(memory, acting);
  joining(memory, acting);
};
