import type { Command } from 'commander';
import type { CrucibleClient } from '../../client/client.ts';
import { EXIT, usageFailure } from '../exit.ts';
import { collect, given, jsonObject, readObject, readText } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';
import { RUN_COLUMNS, withState, type RunListOptions } from './runs.ts';

type WebhookInput = Parameters<CrucibleClient['webhooks']['create']['mutate']>[0];

const addHooks = (program: Command, acting: Acting): void => {
  const hook = program.command('hook').description('what is done by itself about events');
  withPages(hook.command('list'))
    .description('hooks')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.hooks.list.query(page), [
          'id',
          'enabled',
          'file',
          'updated_at',
        ]),
      ),
    );
  hook
    .command('get <name>')
    .description('a hook')
    .action(acting(async ({ client, print }, id: string) => print(await client.hooks.get.query({ id }))));
  hook
    .command('create <file>')
    .description('create a hook from a definition in JSON or YAML; - is stdin')
    .action(
      acting(async ({ client, io, print }, file: string) =>
        print(await client.hooks.create.mutate(await readObject(io, file))),
      ),
    );
  hook
    .command('replace <name> <file>')
    .description('replace a hook by a definition in JSON or YAML; - is stdin')
    .action(
      acting(async ({ client, io, print }, id: string, file: string) =>
        print(await client.hooks.replace.mutate({ ...(await readObject(io, file)), id })),
      ),
    );
  hook
    .command('rm <name>')
    .description('delete a hook')
    .action(
      acting(async ({ client, note }, id: string) => {
        await client.hooks.delete.mutate({ id });
        note(`deleted ${id}`);
      }),
    );
  for (const verb of ['enable', 'disable'] as const) {
    hook
      .command(`${verb} <name>`)
      .description(`${verb} a hook`)
      .action(
        acting(async ({ client, print }, id: string) => print(await client.hooks[verb].mutate({ id }))),
      );
  }
  hook
    .command('validate <file>')
    .description('check a hook file without registering it; - is stdin')
    .action(
      acting(async ({ client, io, print, note, endWith, format }, file: string) => {
        const named = file === '-' ? {} : { file };
        const answer = await client.hooks.validate.query({ text: await readText(io, file), ...named });
        if (!answer.valid) endWith(EXIT.failed);
        if (answer.valid && format === 'table') note(`${file} is valid`);
        else print(answer, { rows: 'errors', columns: ['path', 'line', 'column', 'message', 'hint'] });
      }),
    );
  withState(hook.command('runs <name>'))
    .description("a hook's runs, the newest first")
    .action(
      acting((session, id: string, { state: at, ...pages }: RunListOptions) =>
        printPages(
          session,
          pages,
          (page) => session.client.hooks.runs.query({ id, ...given({ state: at }), ...page }),
          RUN_COLUMNS,
        ),
      ),
    );
};

interface WebhookOptions {
  readonly type?: readonly string[];
  readonly filter?: readonly string[];
  readonly name?: string;
  readonly inWorld?: readonly string[];
  readonly header?: readonly string[];
  readonly file?: string;
}

const headersOf = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    texts.map((text) => {
      const colon = text.indexOf(':');
      if (colon < 1) throw usageFailure(`${text} is not a header`, 'It looks like "X-Team: notes".');
      return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
    }),
  );

const webhookInput = (url: string, options: WebhookOptions): WebhookInput => {
  const filters = [
    ...(options.type ?? []).map((event_type) => ({ event_type })),
    ...(options.filter ?? []).map((text) => jsonObject(text)),
  ];
  if (filters.length === 0)
    throw usageFailure('which events?', 'Give --type, such as --type "memory.*", or --filter.');
  const { name, inWorld, header } = options;
  return {
    url,
    filters,
    ...given({
      name,
      worlds: inWorld === undefined ? undefined : [...inWorld],
      options: header === undefined ? undefined : { headers: headersOf(header) },
    }),
  };
};

const addWebhooks = (program: Command, acting: Acting): void => {
  const webhook = program.command('webhook').description('signed deliveries to other servers');
  webhook
    .command('create [url]')
    .description('create a webhook; its signing secret is shown this once')
    .option(
      '-t, --type <type>',
      'deliver this type or family (memory.*); may be given several times',
      collect,
    )
    .option('--filter <json>', 'a filter, such as {"event_type": "custom.*", "when": "…"}', collect)
    .option('--name <name>', 'its name for people')
    .option('--in-world <world>', 'what it sees; default the world of the request', collect)
    .option('--header <header>', 'sent with every delivery: "X-Team: notes"', collect)
    .option('-f, --file <path>', 'or all of it from a file of JSON or YAML; - is stdin')
    .action(
      acting(async ({ client, io, print }, url: string | undefined, options: WebhookOptions) => {
        if ((url === undefined) === (options.file === undefined))
          throw usageFailure('give either a URL, or --file');
        const input =
          url === undefined
            ? ((await readObject(io, options.file ?? '-')) as unknown as WebhookInput)
            : webhookInput(url, options);
        print(await client.webhooks.create.mutate(input));
      }),
    );
  withPages(webhook.command('list'))
    .description('webhooks')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.webhooks.list.query(page), [
          'id',
          'name',
          'status',
          'url',
        ]),
      ),
    );
  webhook
    .command('get <id>')
    .description('a webhook')
    .action(acting(async ({ client, print }, id: string) => print(await client.webhooks.get.query({ id }))));
  webhook
    .command('rm <id>')
    .description('delete a webhook')
    .action(
      acting(async ({ client, note }, id: string) => {
        await client.webhooks.delete.mutate({ id });
        note(`deleted ${id}`);
      }),
    );
  withState(webhook.command('deliveries <id>'))
    .description("a webhook's deliveries, the newest first")
    .action(
      acting((session, id: string, { state: at, ...pages }: RunListOptions) =>
        printPages(
          session,
          pages,
          (page) => session.client.webhooks.deliveries.query({ id, ...given({ state: at }), ...page }),
          RUN_COLUMNS,
        ),
      ),
    );
  webhook
    .command('retry <id> <run>')
    .description('send a finished delivery again')
    .action(
      acting(async ({ client, print }, id: string, run: string) =>
        print(await client.webhooks.retry.mutate({ id, run_id: run })),
      ),
    );
};

/** `crucible hook …` and `crucible webhook …` */
export const addReactionCommands = (program: Command, acting: Acting): void => {
  addHooks(program, acting);
  addWebhooks(program, acting);
};
