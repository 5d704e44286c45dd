import { CrucibleError } from '../kernel/errors.ts';
import type { EventSource } from '../kernel/origin.ts';
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
}

/** Where writes go when the principal may act everywhere and the request names no world. */
const DEFAULT_WORLD = 'default';

/** The world a request writes to, and the worlds it sees. */
export interface WorldScope {
  readonly world: string;
  /** undefined: all. */
  readonly visible: readonly string[] | undefined;
}

const WORLD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The scope of a request. A named world narrows what is seen to that world, so that an object of another one is not found.
 * @param named what `X-Crucible-World` says
 * @throws CrucibleError `malformed_request` (not a name), `forbidden` (not one of the principal's)
 */
export const worldScope = (principal: Principal, named: string | undefined): WorldScope => {
  if (named === undefined) {
    return { world: principal.worlds?.[0] ?? DEFAULT_WORLD, visible: principal.worlds };
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

/** @throws CrucibleError `forbidden`, naming what is missing */
export const assertPermitted = (principal: Principal, permission: Permission): void => {
  if (principal.permissions.has(permission)) return;
  throw new CrucibleError(
    'forbidden',
    `This needs the permission ${permission}, which the credentials lack`,
    {
      hint: 'Ask an administrator for credentials with this permission.',
    },
  );
};
