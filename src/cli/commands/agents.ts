import type { Command } from 'commander';
import type { CrucibleClient } from '../../client/client.ts';
import { EXIT } from '../exit.ts';
import { given, jsonObject, readObject, wholeNumber, type JsonObject } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

type AgentInput = Parameters<CrucibleClient['agents']['register']['mutate']>[0];

/** `crucible agent …` */
export const addAgentCommands = (program: Command, acting: Acting): void => {
  const agent = program.command('agent').description('agents of a world: what they are, do and say');
  agent
    .command('register <file>')
    .description('register an agent from a file of JSON or YAML; - is stdin')
    .action(
      acting(async ({ client, io, print }, file: string) => {
        // What is wrong with it is for the server to say, all at once.
        const input = (await readObject(io, file)) as unknown as AgentInput;
        print(await client.agents.register.mutate(input));
      }),
    );
  withPages(agent.command('list'))
    .description('agents')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.agents.list.query(page), [
          'id',
          'name',
          'version',
          'capabilities',
          'rooms',
        ]),
      ),
    );
  agent
    .command('get <id>')
    .description('an agent')
    .action(acting(async ({ client, print }, id: string) => print(await client.agents.get.query({ id }))));
  agent
    .command('rm <id>')
    .description('unregister an agent; what it still had to do is skipped')
    .option('--reason <text>', 'stands in the event')
    .action(
      acting(async ({ client, note }, id: string, { reason }: { readonly reason?: string }) => {
        await client.agents.unregister.mutate({ id, ...given({ reason }) });
        note(`unregistered ${id}`);
      }),
    );
  agent
    .command('run <id> <action>')
    .description('have an agent do something, and wait for its end')
    .option('-i, --inputs <json>', 'must fit the schema of the action', jsonObject)
    .option('--wait <ms>', 'how long to wait; it goes on after that', wholeNumber)
    .action(
      acting(
        async (
          { client, print, note, endWith },
          id: string,
          action: string,
          { inputs, wait }: { readonly inputs?: JsonObject; readonly wait?: number },
        ) => {
          const result = await client.agents.execute.mutate({
            id,
            action,
            ...given({ inputs, wait_ms: wait }),
          });
          print(result);
          if (!result.ended) note(`it goes on: crucible run get ${result.run_id}`);
          else if (result.state !== 'succeeded') endWith(EXIT.failed);
        },
      ),
    );
  agent
    .command('message <id> <content>')
    .description('send a message from an agent, to one or to a room')
    .option('--to <agent>', 'the agent that it is for')
    .option('--room <room>', 'or the room: all its other members')
    .action(
      acting(
        async (
          { client, print },
          id: string,
          content: string,
          { to, room }: { readonly to?: string; readonly room?: string },
        ) => print(await client.agents.send.mutate({ id, content, ...given({ to, room }) })),
      ),
    );
  agent
    .command('join <id> <room>')
    .description('have an agent join a room')
    .action(
      acting(async ({ client, note }, id: string, room: string) => {
        await client.agents.join.mutate({ id, room });
        note(`${id} is in ${room}`);
      }),
    );
  agent
    .command('leave <id> <room>')
    .description('have an agent leave a room')
    .action(
      acting(async ({ client, note }, id: string, room: string) => {
        await client.agents.leave.mutate({ id, room });
        note(`${id} has left ${room}`);
      }),
    );
  withPages(agent.command('tools <id>'))
    .description('the tools that an agent has made')
    .action(
      acting((session, id: string, options: ListOptions) =>
        printPages(session, options, (page) => session.client.agents.tools.query({ id, ...page }), [
          'name',
          'description',
          'created_at',
        ]),
      ),
    );
};
