import type { Command } from 'commander';
import { collect, given, oneOf, timeAhead } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

const role = oneOf(['admin', 'editor', 'reader', 'agent']);

interface KeyOptions {
  readonly role: ReturnType<typeof role>;
  readonly scope?: readonly string[];
  readonly inWorld?: readonly string[];
  readonly agent?: string;
  readonly expires?: string;
}

/** `crucible key …` */
export const addKeyCommands = (program: Command, acting: Acting): void => {
  const key = program.command('key').description('API keys: who else may call, and what for');
  key
    .command('create <name>')
    .description('create a key, which is shown this once')
    .requiredOption('--role <role>', 'admin, editor, reader or agent', role)
    .option('--scope <scope>', 'narrows the role: event:read, memory:*; may be given several times', collect)
    .option('--in-world <world>', 'a world that it opens, the default one first', collect)
    .option('--agent <id>', 'the agent that speaks with it; of the role agent')
    .option('--expires <time>', 'when it ends; default never', timeAhead)
    .action(
      acting(async ({ client, print }, name: string, options: KeyOptions) =>
        print(
          await client.keys.create.mutate({
            name,
            role: options.role,
            ...given({
              scopes: options.scope === undefined ? undefined : [...options.scope],
              worlds: options.inWorld === undefined ? undefined : [...options.inWorld],
              agent: options.agent,
              expires_at: options.expires,
            }),
          }),
        ),
      ),
    );
  withPages(key.command('list'))
    .description('keys that were not revoked')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.keys.list.query(page), [
          'id',
          'name',
          'role',
          'worlds',
          'expires_at',
          'last_used_at',
        ]),
      ),
    );
  key
    .command('revoke <id>')
    .description('revoke a key: from now on it opens nothing')
    .action(
      acting(async ({ client, note }, id: string) => {
        await client.keys.revoke.mutate({ id });
        note(`revoked ${id}`);
      }),
    );
};
