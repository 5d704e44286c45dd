import type { Command } from 'commander';
import { usageFailure } from '../exit.ts';
import { given, oneOf } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

/** As `src/dispatch` has them; a test holds the two together, for commands know the client only. */
export const RUN_STATES = [
  'pending',
  'held',
  'running',
  'retrying',
  'succeeded',
  'denied',
  'failed',
  'dead',
  'skipped',
  'cancelled',
] as const;
const state = oneOf(RUN_STATES);

/** Options of every list of runs. */
export interface RunListOptions extends ListOptions {
  readonly state?: ReturnType<typeof state>;
}

export const RUN_COLUMNS = ['id', 'state', 'event_type', 'attempt_count', 'created_at', 'error'];
/** Of runs of several targets. */
const MIXED_COLUMNS = ['id', 'target', ...RUN_COLUMNS.slice(1)];

export const withState = (command: Command): Command =>
  withPages(command).option('--state <state>', 'only runs that stand there', state);

interface OfOptions {
  readonly hook?: string;
  readonly webhook?: string;
  readonly target?: string;
  readonly event?: string;
}

const listing = (run: Command, acting: Acting): void => {
  withState(run.command('list'))
    .description('the runs of a target, the newest first, or those that an event led to')
    .option('--hook <name>', 'of this hook')
    .option('--webhook <id>', 'of this webhook')
    .option('--target <id>', 'of this target, such as agent:default/counter')
    .option('--event <id>', 'that this event led to')
    .action(
      acting((session, options: RunListOptions & OfOptions) => {
        const { hook, webhook, target, event, state: at, ...pages } = options;
        if ([hook, webhook, target, event].filter((each) => each !== undefined).length !== 1)
          throw usageFailure('give either --hook <name>, --webhook <id>, --target <id> or --event <id>');
        const { hooks, webhooks, runs } = session.client;
        const only = given({ state: at });
        // By their own routes: a name that is misspelt is not found there, and is no empty list.
        if (hook !== undefined)
          return printPages(
            session,
            pages,
            (page) => hooks.runs.query({ id: hook, ...only, ...page }),
            RUN_COLUMNS,
          );
        if (webhook !== undefined)
          return printPages(
            session,
            pages,
            (page) => webhooks.deliveries.query({ id: webhook, ...only, ...page }),
            RUN_COLUMNS,
          );
        const of = given({ target, event_id: event });
        return printPages(
          session,
          pages,
          (page) => runs.list.query({ ...of, ...only, ...page }),
          event === undefined ? RUN_COLUMNS : MIXED_COLUMNS,
        );
      }),
    );
};

/** `crucible run …` */
export const addRunCommands = (program: Command, acting: Acting): void => {
  const run = program.command('run').description('what was done about events, attempt by attempt');
  run
    .command('get <id>')
    .description('a run, with its attempts and the definition that matched')
    .action(acting(async ({ client, print }, id: string) => print(await client.runs.get.query({ id }))));
  listing(run, acting);
  run
    .command('replay <id>')
    .description('run a finished run again')
    .action(acting(async ({ client, print }, id: string) => print(await client.runs.replay.mutate({ id }))));
  run
    .command('cancel <id>')
    .description('end a run that has not ended')
    .action(acting(async ({ client, print }, id: string) => print(await client.runs.cancel.mutate({ id }))));
};
