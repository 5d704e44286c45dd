import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createRouter } from '../../router/router.ts';
import { routesOf } from '../../router/routes.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import { ERROR_TITLES } from '../kernel/errors.ts';
import { STATUS } from './status.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

describe('docs/reference/errors.md', () => {
  const rows = [...page('errors.md').matchAll(/^\| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \|$/gm)];

  test('has every code once, and no other', () => {
    expect(rows.map(([, code = '']) => code).toSorted()).toEqual(Object.keys(ERROR_TITLES).sort());
  });

  test('has the status that is answered', () => {
    expect(Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))).toEqual(STATUS);
  });
});

describe('docs/reference/api.md', () => {
  test('has every route with its status and permission, and no other', () => {
    const rows = [
      ...page('api.md').matchAll(/^\| `(\w+) (\/\S*)` \| (\d+) \| (?:`([\w:]+)`|(none)) \| .+ \|$/gm),
    ];
    const documented = rows.map(
      ([, method, path, status, permission]) => `${method} ${path} ${status} ${permission ?? 'public'}`,
    );
    const routes = routesOf(createRouter(fakeServices().services));
    expect(documented.sort()).toEqual(
      routes
        .map(({ method, path, status, permission }) => `${method} ${path} ${status} ${permission}`)
        .sort(),
    );
  });
});
