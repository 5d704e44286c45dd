import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ROLES, ROLE_PERMISSIONS, allows, beyond, grantsOf } from './grants.ts';
import { ALL_PERMISSIONS, parseScope } from './permission.ts';
import type { Permission } from './permission.ts';

describe('scopes', () => {
  test.each([
    ['event:read', ['event:read'], undefined],
    ['hook:read:notify', ['hook:read'], 'notify'],
    ['graph:read:entity:deep-learning', ['graph:read'], 'entity:deep-learning'],
    ['memory:*', ['memory:read', 'memory:write', 'memory:delete', 'memory:execute'], undefined],
    ['hook:shell', ['hook:shell'], undefined],
  ])('%s is read', (text, permissions, id) => {
    expect(parseScope(text)).toEqual({ permissions, id });
  });

  test('*:read opens every resource for reading, and nothing special', () => {
    const { permissions } = parseScope('*:read') ?? { permissions: [] };
    expect(permissions).toHaveLength(10);
    expect(permissions.every((permission) => permission.endsWith(':read'))).toBe(true);
    expect(parseScope('*:*')?.permissions).not.toContain('hook:shell');
  });

  test.each([
    '',
    'event',
    'event:',
    ':read',
    'event:fly',
    'unicorn:read',
    'Event:Read',
    'event:read:',
    'event:read:a b',
    'event:read:é',
    'event:read:*',
    '*:read:notify',
    '*:shell',
    'hook:*:*',
    'constructor:read',
    '__proto__:read',
    `event:read:${'x'.repeat(201)}`,
  ])('"%s" is none', (text) => {
    expect(parseScope(text)).toBeUndefined();
  });
});

describe('grants', () => {
  test('scopes narrow a role and never add to it', () => {
    const { permissions, limited } = grantsOf('reader', [
      'event:read',
      'event:write',
      'key:read',
      'hook:read:a',
    ]);
    expect([...permissions]).toEqual(['event:read']);
    expect([...limited]).toEqual([['hook:read', new Set(['a'])]]);
  });

  test('an empty list of scopes opens nothing; so does one of strangers', () => {
    for (const scopes of [[], ['openid', 'profile', 'superuser']]) {
      const { permissions, limited } = grantsOf('admin', scopes);
      expect(permissions.size + limited.size).toBe(0);
    }
  });

  test('a permission on one thing opens that thing only', () => {
    const grants = grantsOf('editor', ['hook:write:notify']);
    expect(allows(grants, 'hook:write', 'notify')).toBe(true);
    expect(allows(grants, 'hook:write', 'other')).toBe(false);
    expect(allows(grants, 'hook:write', undefined)).toBe(false);
    expect(allows(grants, 'hook:read', 'notify')).toBe(false);
  });

  test('the whole permission beside one on a single thing wins', () => {
    expect(allows(grantsOf('editor', ['hook:read:a', 'hook:read']), 'hook:read', 'b')).toBe(true);
  });

  test('what one holds beyond another is named, and nothing is when it holds no more', () => {
    const scope = fc
      .tuple(fc.constantFrom(...ALL_PERMISSIONS), fc.option(fc.constantFrom('a', 'b'), { nil: undefined }))
      .map(([permission, id]) => (id === undefined ? permission : `${permission}:${id}`));
    const grants = fc
      .tuple(fc.constantFrom(...ROLES), fc.option(fc.array(scope, { maxLength: 8 }), { nil: undefined }))
      .map(([role, scopes]) => grantsOf(role, scopes));
    const reach = fc.tuple(
      fc.constantFrom<Permission>(...ALL_PERMISSIONS),
      fc.constantFrom('a', 'b', 'c', undefined),
    );
    fc.assert(
      fc.property(grants, grants, fc.array(reach), (inner, outer, asked) => {
        const more = beyond(inner, outer);
        const escapes = asked.filter(([p, id]) => allows(inner, p, id) && !allows(outer, p, id));
        expect(escapes.length === 0 || more.length > 0).toBe(true);
        expect(beyond(inner, inner)).toEqual([]);
      }),
    );
  });

  test('only admin holds keys and the special permissions', () => {
    for (const role of ROLES.filter((one) => one !== 'admin')) {
      for (const permission of ['key:read', 'key:write', 'key:delete', 'hook:bypass', 'hook:shell'] as const)
        expect(ROLE_PERMISSIONS[role].has(permission)).toBe(false);
    }
    expect(ROLE_PERMISSIONS.admin).toEqual(ALL_PERMISSIONS);
  });
});
