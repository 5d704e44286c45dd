import type { Command } from 'commander';
import { given } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

interface Named {
  readonly name?: string;
}

const addRooms = (program: Command, acting: Acting): void => {
  const room = program.command('room').description('where agents talk');
  room
    .command('create <room>')
    .description('open a room')
    .option('--name <name>', 'its name for people')
    .action(
      acting(async ({ client, print }, id: string, { name }: Named) =>
        print(await client.rooms.create.mutate({ room: id, ...given({ name }) })),
      ),
    );
  withPages(room.command('list'))
    .description('rooms')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.rooms.list.query(page), [
          'id',
          'name',
          'members',
          'created_at',
        ]),
      ),
    );
  withPages(room.command('members <room>'))
    .description('the agents in a room')
    .action(
      acting((session, id: string, options: ListOptions) =>
        printPages(session, options, (page) => session.client.rooms.members.query({ room: id, ...page }), [
          'id',
        ]),
      ),
    );
  room
    .command('rm <room>')
    .description('close a room for good')
    .action(
      acting(async ({ client, note }, id: string) => {
        await client.rooms.delete.mutate({ room: id });
        note(`closed ${id}`);
      }),
    );
};

const addWorlds = (program: Command, acting: Acting): void => {
  const world = program.command('world').description('worlds, which know nothing of each other');
  world
    .command('create <world>')
    .description('make a world')
    .option('--name <name>', 'its name for people')
    .action(
      acting(async ({ client, print }, id: string, { name }: Named) =>
        print(await client.worlds.create.mutate({ world: id, ...given({ name }) })),
      ),
    );
  withPages(world.command('list'))
    .description('worlds, also those that were only written to')
    .action(
      acting((session, options: ListOptions) =>
        printPages(session, options, (page) => session.client.worlds.list.query(page), [
          'id',
          'name',
          'created',
          'created_at',
        ]),
      ),
    );
  world
    .command('rm <world>')
    .description('delete a world in which nothing is left')
    .action(
      acting(async ({ client, note }, id: string) => {
        await client.worlds.delete.mutate({ world: id });
        note(`deleted ${id}`);
      }),
    );
};

interface FileOptions {
  readonly root?: string;
  readonly prefix?: string;
  readonly path?: string;
}

const addFiles = (program: Command, acting: Acting): void => {
  const file = program.command('file').description('files of watched directories');
  withPages(file.command('list'))
    .description('files, by directory and path')
    .option('--root <directory>', 'only this watched directory')
    .option('--prefix <path>', 'only paths that begin so')
    .action(
      acting((session, { root, prefix, ...pages }: ListOptions & FileOptions) =>
        printPages(
          session,
          pages,
          (page) => session.client.files.list.query({ ...given({ root, prefix }), ...page }),
          ['path', 'root', 'size', 'memory_id', 'error.code'],
        ),
      ),
    );
  file
    .command('scan')
    .description('look at watched directories now')
    .option('--root <directory>', 'only this watched directory')
    .option('--path <path>', 'only this file or directory within it')
    .action(
      acting(async ({ client, print }, { root, path }: FileOptions) =>
        print(await client.files.scan.mutate(given({ root, path }))),
      ),
    );
};

/** `crucible room …`, `crucible world …` and `crucible file …` */
export const addPlaceCommands = (program: Command, acting: Acting): void => {
  addRooms(program, acting);
  addWorlds(program, acting);
  addFiles(program, acting);
};
