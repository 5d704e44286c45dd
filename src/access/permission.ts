/** What can be acted on. */
const RESOURCES = [
  'memory',
  'graph',
  'agent',
  'flow',
  'hook',
  'webhook',
  'event',
  'file',
  'key',
  'system',
] as const;
type Resource = (typeof RESOURCES)[number];

const ACTIONS = ['read', 'write', 'delete', 'execute'] as const;
type Action = (typeof ACTIONS)[number];

/** `hook:bypass` skips pre hooks; `hook:shell` registers hooks that run programs of the machine. */
const SPECIAL_PERMISSIONS = ['hook:bypass', 'hook:shell'] as const;

/** One thing that a principal may do. A procedure requires exactly one. */
export type Permission = `${Resource}:${Action}` | (typeof SPECIAL_PERMISSIONS)[number];

/** Every permission there is: what the role `admin` holds. */
export const ALL_PERMISSIONS: ReadonlySet<Permission> = new Set<Permission>([
  ...RESOURCES.flatMap((resource) => ACTIONS.map((action): Permission => `${resource}:${action}`)),
  ...SPECIAL_PERMISSIONS,
]);

const isPermission = (text: string): text is Permission => (ALL_PERMISSIONS as ReadonlySet<string>).has(text);

/** What a scope opens: permissions on everything of their kind, or, with `id`, on one thing. */
export interface Scope {
  readonly permissions: readonly Permission[];
  readonly id: string | undefined;
}

/** Ids and names as routes take them; a scope goes into a header-sized list, so no spaces. */
const ID = /^[\x21-\x7e]{1,200}$/;

/**
 * Reads a scope: `event:read`, `hook:read:notify` (one thing, by id or name), `memory:*` (the four actions), `*:read`
 * (every resource). The special permissions are opened by their whole names only. Undefined: it is none of ours.
 */
export const parseScope = (text: string): Scope | undefined => {
  const [resource = '', action = '', ...rest] = text.split(':');
  const id = rest.length === 0 ? undefined : rest.join(':');
  if (id !== undefined && !ID.test(id)) return undefined;
  const resources = resource === '*' ? RESOURCES : [resource];
  const actions = action === '*' ? ACTIONS : [action];
  const permissions = resources.flatMap((one) => actions.map((other) => `${one}:${other}`));
  if (!permissions.every(isPermission)) return undefined;
  // One id of every resource would be a thing that nobody means.
  if (id !== undefined && (resource === '*' || id === '*')) return undefined;
  return { permissions, id };
};
