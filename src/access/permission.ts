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
