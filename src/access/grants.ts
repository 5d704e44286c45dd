import type { Permission } from './permission.ts';
import { ALL_PERMISSIONS, parseScope } from './permission.ts';

/** What credentials may do: to everything of a kind, and to single things. What is in neither, they may not. */
export interface Grants {
  readonly permissions: ReadonlySet<Permission>;
  /** By permission the ids or names that it is limited to; a permission that stands in `permissions` is not limited. */
  readonly limited: ReadonlyMap<Permission, ReadonlySet<string>>;
}

export const NO_GRANTS: Grants = { permissions: new Set(), limited: new Map() };

/** Roles are presets of permissions. `docs/reference/access.md` has the same table, and a test compares them. */
export const ROLES = ['admin', 'editor', 'reader', 'agent'] as const;
export type Role = (typeof ROLES)[number];

export const isRole = (text: unknown): text is Role => ROLES.some((role) => role === text);

/** What only an administrator may do: keys are access itself, and the special permissions reach past all checks. */
const isReserved = (permission: Permission): boolean =>
  permission.startsWith('key:') || permission === 'hook:bypass' || permission === 'hook:shell';

const pick = (test: (permission: Permission) => boolean): ReadonlySet<Permission> =>
  new Set([...ALL_PERMISSIONS].filter(test));

export const ROLE_PERMISSIONS: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  admin: ALL_PERMISSIONS,
  editor: pick(
    (permission) =>
      !isReserved(permission) && (!permission.startsWith('system:') || permission === 'system:read'),
  ),
  reader: pick((permission) => !isReserved(permission) && permission.endsWith(':read')),
  agent: new Set<Permission>([
    'memory:read',
    'memory:write',
    'graph:read',
    'graph:write',
    'graph:execute',
    'agent:read',
    'agent:write',
    'agent:execute',
    'flow:read',
    'flow:execute',
    'hook:read',
    'event:read',
    'event:write',
    'file:read',
  ]),
};

/**
 * What a role allows, narrowed by scopes. Scopes never add to a role; a scope that is none of ours adds nothing.
 * @param scopes undefined: the whole role; an empty list: nothing
 */
export const grantsOf = (role: Role, scopes: readonly string[] | undefined): Grants => {
  const whole = ROLE_PERMISSIONS[role];
  if (scopes === undefined) return { permissions: whole, limited: new Map() };
  const permissions = new Set<Permission>();
  const limited = new Map<Permission, Set<string>>();
  const parsed = scopes.flatMap((text) => parseScope(text) ?? []);
  for (const { permissions: named, id } of parsed) {
    for (const permission of named.filter((one) => whole.has(one))) {
      if (id === undefined) permissions.add(permission);
      else limited.set(permission, (limited.get(permission) ?? new Set()).add(id));
    }
  }
  for (const permission of permissions) limited.delete(permission);
  return { permissions, limited };
};

/** Whether `id` of what the permission is about (undefined: no single thing) may be acted on. */
export const allows = (grants: Grants, permission: Permission, id: string | undefined): boolean =>
  grants.permissions.has(permission) ||
  (id !== undefined && grants.limited.get(permission)?.has(id) === true);

/** What `inner` holds beyond `outer`, as scopes; empty: nothing. */
export const beyond = (inner: Grants, outer: Grants): readonly string[] => [
  ...[...inner.permissions].filter((permission) => !outer.permissions.has(permission)),
  ...[...inner.limited].flatMap(([permission, ids]) =>
    [...ids].filter((id) => !allows(outer, permission, id)).map((id) => `${permission}:${id}`),
  ),
];
