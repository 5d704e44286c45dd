import { CrucibleError } from '../kernel/errors.ts';
import type { EventSource } from '../kernel/origin.ts';
import { allows } from './grants.ts';
import type { Permission } from './permission.ts';

/** Who makes a request, as the credentials say. Actor and source come from here, never from a body. */
export interface Principal {
  /** Stable over the life of the credentials; part of the scope of idempotency keys. */
  readonly id: string;
  /** `user:alice`, `key:key_…`, `agent:web-search` */
  readonly actor: string;
  readonly source: EventSource;
  /** The worlds it may act in and see, the default one first; undefined: all of them. */
  readonly worlds: readonly string[] | undefined;
  readonly permissions: ReadonlySet<Permission>;
  /** Permissions on single things: the ids or names by permission. Absent: none. */
  readonly limited?: ReadonlyMap<Permission, ReadonlySet<string>>;
  /** When the credentials end, ms since the epoch; absent: not by themselves. What stays open longer must look again. */
  readonly expiresAt?: number;
}

const NONE: ReadonlyMap<Permission, ReadonlySet<string>> = new Map();

/** Where writes go when the principal may act everywhere and the request names no world. */
const DEFAULT_WORLD = 'default';

/** The world a request writes to, and the worlds it sees. */
export interface WorldScope {
  readonly world: string;
  /** undefined: all. */
  readonly visible: readonly string[] | undefined;
}

/** The name of a world, as a header, a key or a token may say it. */
export const WORLD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The scope of a request. A named world narrows what is seen to that world, so that an object of another one is not found.
 * @param named what `X-Crucible-World` says
 * @throws CrucibleError `malformed_request` (not a name), `forbidden` (not one of the principal's)
 */
export const worldScope = (principal: Principal, named: string | undefined): WorldScope => {
  if (named === undefined) {
    const world = principal.worlds === undefined ? DEFAULT_WORLD : principal.worlds[0];
    if (world === undefined) throw new CrucibleError('forbidden', 'These credentials open no world');
    return { world, visible: principal.worlds };
  }
  if (!WORLD_NAME.test(named)) {
    throw new CrucibleError('malformed_request', 'X-Crucible-World does not hold the name of a world', {
      hint: 'A world is named by 1 to 64 letters, digits, dots, dashes and underscores.',
    });
  }
  if (principal.worlds !== undefined && !principal.worlds.includes(named)) {
    throw new CrucibleError(
      'forbidden',
      'These credentials do not open the world named in X-Crucible-World',
      {
        hint: 'Leave the header out to use the default world of the credentials.',
      },
    );
  }
  return { world: named, visible: [named] };
};

/** Whether the principal may; `id`: the single thing that it is about, if it is about one. */
export const isPermitted = (principal: Principal, permission: Permission, id?: string): boolean =>
  allows({ permissions: principal.permissions, limited: principal.limited ?? NONE }, permission, id);

/**
 * @param id the single thing that it is about, if it is about one: a permission may be limited to some
 * @throws CrucibleError `forbidden`, naming what is missing
 */
export const assertPermitted = (principal: Principal, permission: Permission, id?: string): void => {
  if (isPermitted(principal, permission, id)) return;
  const some = principal.limited?.has(permission) === true;
  throw new CrucibleError(
    'forbidden',
    some
      ? `These credentials hold the permission ${permission} for some things only, and not for this`
      : `This needs the permission ${permission}, which the credentials lack`,
    {
      hint: 'Ask an administrator for credentials with this permission.',
    },
  );
};
