import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRouter } from '../../router/router.ts';
import { routesOf } from '../../router/routes.ts';
import type { Route } from '../../router/routes.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import type { Access } from '../access/access.ts';
import { ROLES, ROLE_PERMISSIONS, grantsOf } from '../access/grants.ts';
import type { Role } from '../access/grants.ts';
import type { Permission } from '../access/permission.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

/*
 * Every route of the API, for every role, over HTTP: what the table of docs/reference/access.md says is what happens.
 * The table is the oracle; the program's own is compared with it, and never asked.
 */

const LETTERS: Readonly<Record<string, string>> = { r: 'read', w: 'write', d: 'delete', x: 'execute' };

/** By role, as the page says it. */
const documented = (() => {
  const page = readFileSync(new URL('../../docs/reference/access.md', import.meta.url), 'utf8');
  const table = new Map<Role, Set<string>>(ROLES.map((role) => [role, new Set()]));
  for (const [, resource = '', ...cells] of page.matchAll(
    /^\| `(\w+)` \| ([rwdx]+|-) \| ([rwdx]+|-) \| ([rwdx]+|-) \| ([rwdx]+|-) \|$/gm,
  )) {
    for (const [i, role] of ROLES.entries()) {
      for (const letter of cells[i] ?? '') {
        if (letter !== '-') table.get(role)?.add(`${resource}:${LETTERS[letter]}`);
      }
    }
  }
  for (const special of ['hook:bypass', 'hook:shell']) table.get('admin')?.add(special);
  return table;
})();

/** `Bearer reader`: that role; `Bearer limited <permission>` as base64url JSON: that permission on the thing `mine` only. */
const access: Access = {
  authenticate(authorization) {
    const [, token = ''] = /^Bearer (\S+)$/.exec(authorization ?? '') ?? [];
    const role = ROLES.find((one) => one === token);
    if (token === '') return Promise.reject(new CrucibleError('unauthenticated', 'nothing'));
    return Promise.resolve({
      id: 'key_1',
      actor: 'key:key_1',
      source: { kind: 'external', integration: 'test' },
      worlds: undefined,
      ...(role === undefined
        ? grantsOf('admin', [`${Buffer.from(token, 'base64url').toString()}:mine`])
        : { permissions: ROLE_PERMISSIONS[role] }),
    });
  },
};

const routes = routesOf(createRouter(fakeServices().services));
const guarded = routes.filter(
  (route): route is Route & { permission: Permission } => route.permission !== 'public',
);
const cases = guarded.map((route) => [`${route.method} ${route.path}`, route] as const);

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ access });
});
afterAll(() => server.http.close(0));

/** The first parameter of the path is `subject`, further ones are `other`. */
const ask = (route: Route, authorization: string, subject = 'x') => {
  let filled = 0;
  const path = route.path.replace(/\{\w+\}/g, () => ((filled += 1) === 1 ? subject : 'other'));
  const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : {};
  return server.ask(route.method, `/api/v1${path}`, body, { authorization });
};

const askTrpc = (route: Route, authorization: string, subject: string) => {
  const [, field] = /\{(\w+)\}/.exec(route.path) ?? [];
  const input = field === undefined ? {} : { [field]: subject };
  return server.ask('POST', `/trpc/${route.name}`, input, { authorization });
};

/** Whether the request got past the check of permissions; what it then came to is another matter. */
const passed = (answer: { readonly status: number; readonly body: Record<string, unknown> }): boolean =>
  !(answer.status === 403 && /permission/.test(JSON.stringify(answer.body)));

describe('roles', () => {
  test('the page and the program have the same table', () => {
    for (const role of ROLES) expect(ROLE_PERMISSIONS[role]).toEqual(documented.get(role));
  });

  test.each(cases)(
    '%s opens for the roles that hold its permission, and for no other',
    async (_name, route) => {
      for (const role of ROLES) {
        const answer = await ask(route, `Bearer ${role}`);
        expect([role, passed(answer)]).toEqual([role, documented.get(role)?.has(route.permission)]);
        const named = JSON.stringify(answer.body).includes(`permission ${route.permission},`);
        expect([role, named]).toEqual([role, !passed(answer)]);
        expect(answer.status).not.toBe(401);
      }
      expect((await ask(route, '')).status).toBe(401);
    },
  );

  test('both answers are seen: the table is neither all yes nor all no', () => {
    for (const role of ['editor', 'reader', 'agent'] as const) {
      const open = guarded.filter((route) => documented.get(role)?.has(route.permission));
      expect(open.length).toBeGreaterThan(3);
      expect(open.length).toBeLessThan(guarded.length);
    }
  });
});

describe('a permission on one thing', () => {
  test.each(cases)(
    '%s opens for that thing alone, and not at all where it names none',
    async (_name, route) => {
      const authorization = `Bearer ${Buffer.from(route.permission).toString('base64url')}`;
      const namesOne = route.path.includes('{');
      expect(passed(await ask(route, authorization, 'mine'))).toBe(namesOne);
      expect(passed(await ask(route, authorization, 'other'))).toBe(false);
      expect(passed(await ask(route, authorization, 'MINE'))).toBe(false);
      if (route.type === 'subscription') return;
      expect(passed(await askTrpc(route, authorization, 'mine'))).toBe(namesOne);
      expect(passed(await askTrpc(route, authorization, 'other'))).toBe(false);
    },
  );

  test('of another permission opens nothing here', async () => {
    const authorization = `Bearer ${Buffer.from('webhook:read').toString('base64url')}`;
    expect((await server.ask('GET', '/api/v1/hooks/mine', undefined, { authorization })).status).toBe(403);
  });

  test('cannot be widened by a second value of the parameter', async () => {
    const authorization = `Bearer ${Buffer.from('hook:read').toString('base64url')}`;
    const answer = await server.ask('GET', '/api/v1/hooks/other?id=mine', undefined, { authorization });
    expect([403, 422]).toContain(answer.status);
    const list = await server.ask(
      'GET',
      `/trpc/hooks.get?input=${encodeURIComponent('{"id":["mine"]}')}`,
      undefined,
      { authorization },
    );
    expect(list.status).toBe(403);
  });
});
