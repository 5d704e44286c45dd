import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { describeStartError, loadConfig } from './load.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'crucible-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const load = (env: Record<string, string> = {}, dev = false) => loadConfig({ env, cwd, dev });

const refusal = (env: Record<string, string>): CrucibleError => {
  try {
    load(env);
  } catch (error) {
    if (error instanceof CrucibleError) return error;
  }
  throw new Error('it was accepted');
};

describe('the configuration', () => {
  it('has defaults that run on a fresh machine', () => {
    expect(load()).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      dataDir: join(cwd, '.crucible'),
      hookDirs: [join(cwd, '.crucible', 'hooks')],
      surreal: { url: `rocksdb://${join(cwd, '.crucible', 'surreal')}?sync=every` },
      temporal: { address: undefined, port: 7233, uiPort: 8233 },
      egress: { allow: [], anyPortInAllowed: false },
    });
  });

  it('opens loopback in dev only', () => {
    expect(load({}, true).egress).toEqual({ allow: ['127.0.0.0/8', '::1/128'], anyPortInAllowed: true });
  });

  it('reads the file, and lets variables win', () => {
    writeFileSync(join(cwd, 'crucible.yaml'), 'port: 9000\nhost: 0.0.0.0\negress_allow: [10.0.0.0/8]\n');
    expect(load({ CRUCIBLE_PORT: '0' })).toMatchObject({
      port: 0,
      host: '0.0.0.0',
      egress: { allow: ['10.0.0.0/8'] },
    });
  });

  it('opens a range on the usual ports, and other ports where they are named', () => {
    expect(load({ CRUCIBLE_EGRESS_ALLOW: '10.0.0.0/8' }).egress).toEqual({
      allow: ['10.0.0.0/8'],
      anyPortInAllowed: false,
    });
    expect(load({ CRUCIBLE_EGRESS_PORTS: '443, 8443' }).egress.ports).toEqual([443, 8443]);
    writeFileSync(join(cwd, 'crucible.yaml'), 'egress_ports: [81]\n');
    expect(load().egress.ports).toEqual([81]);
    for (const CRUCIBLE_EGRESS_PORTS of ['0', 'http', '1-9', '443,,80', '65536'])
      expect(refusal({ CRUCIBLE_EGRESS_PORTS }).message).toContain('CRUCIBLE_EGRESS_PORTS must be ports');
  });

  it('splits the directories of hooks', () => {
    expect(load({ CRUCIBLE_HOOKS_DIR: `/a:b` }).hookDirs).toEqual(['/a', join(cwd, 'b')]);
  });

  it('reads the directories to watch, with their worlds, and what is passed over in them', () => {
    expect(load()).toMatchObject({ filesWatch: [], filesIgnore: ['.*', 'node_modules', '*~'] });
    expect(load({ CRUCIBLE_FILES_WATCH: '/a:notes:', CRUCIBLE_FILES_IGNORE: ' *.tmp, ,x' })).toMatchObject({
      filesWatch: [
        { path: '/a', world: 'default' },
        { path: join(cwd, 'notes'), world: 'default' },
      ],
      filesIgnore: ['*.tmp', 'x'],
    });
    const file = (text: string): void => writeFileSync(join(cwd, 'crucible.yaml'), text);
    file('files_watch: [notes, { path: /lab, world: lab }, { path: b }]\nfiles_ignore: [drafts]\n');
    expect(load()).toMatchObject({
      filesWatch: [
        { path: join(cwd, 'notes'), world: 'default' },
        { path: '/lab', world: 'lab' },
        { path: join(cwd, 'b'), world: 'default' },
      ],
      filesIgnore: ['drafts'],
    });
    for (const wrong of ['{ path: a, wrold: lab }', '{ world: lab }', '{ path: a, world: "no name" }', '7']) {
      file(`files_watch: [${wrong}]\n`);
      expect(refusal({}).issues).toMatchObject([{ path: 'crucible.yaml: files_watch' }]);
    }
  });

  it('says everything that is wrong at once, and never shows a secret', () => {
    const error = refusal({
      CRUCIBLE_PORT: '99999',
      CRUCIBLE_API_KEY: 'hunter2',
      CRUCIBLE_EGRESS_ALLOW: 'everything',
    });
    expect(error.code).toBe('config_invalid');
    expect(error.issues.map(({ path }) => path)).toEqual([
      'CRUCIBLE_PORT',
      'CRUCIBLE_API_KEY',
      'CRUCIBLE_EGRESS_ALLOW',
    ]);
    expect(describeStartError(error)).not.toContain('hunter2');
  });

  it('searches by meaning where a URL and a model are given', () => {
    expect(load().embeddings).toBeUndefined();
    const CRUCIBLE_EMBEDDINGS_URL = 'http://127.0.0.1:11434/v1';
    const CRUCIBLE_EMBEDDINGS_MODEL = 'nomic-embed-text';
    expect(
      load({ CRUCIBLE_EMBEDDINGS_URL, CRUCIBLE_EMBEDDINGS_MODEL, CRUCIBLE_EMBEDDINGS_DIMENSIONS: '256' })
        .embeddings,
    ).toEqual({
      url: 'http://127.0.0.1:11434/v1',
      model: 'nomic-embed-text',
      key: undefined,
      dimensions: 256,
    });
    expect(refusal({ CRUCIBLE_EMBEDDINGS_URL }).message).toContain('CRUCIBLE_EMBEDDINGS_MODEL is needed');
    const alone = refusal({ CRUCIBLE_EMBEDDINGS_KEY: 'sk-hunter2' });
    expect(alone.issues.map(({ path }) => path)).toEqual([
      'CRUCIBLE_EMBEDDINGS_URL',
      'CRUCIBLE_EMBEDDINGS_MODEL',
    ]);
    expect(describeStartError(alone)).not.toContain('hunter2');
    const wrong = refusal({
      CRUCIBLE_EMBEDDINGS_URL: 'localhost:1',
      CRUCIBLE_EMBEDDINGS_KEY: 'hunter2\n',
      CRUCIBLE_EMBEDDINGS_DIMENSIONS: '0',
    });
    expect(wrong.issues).toHaveLength(3);
    expect(describeStartError(wrong)).not.toContain('hunter2');
  });

  it('has a door for other servers and workers where a key is given', () => {
    const CRUCIBLE_INTERNAL_KEY = 'k'.repeat(32);
    expect(load({ CRUCIBLE_INTERNAL_PORT: '1' }).internal).toBeUndefined();
    expect(load({ CRUCIBLE_INTERNAL_KEY }).internal).toEqual({
      key: CRUCIBLE_INTERNAL_KEY,
      host: '127.0.0.1',
      port: 8090,
      url: undefined,
    });
    const CRUCIBLE_INTERNAL_HOST = '0.0.0.0';
    const CRUCIBLE_INTERNAL_URL = 'http://crucible-1:8090/';
    expect(refusal({ CRUCIBLE_INTERNAL_KEY, CRUCIBLE_INTERNAL_HOST }).issues).toMatchObject([
      { path: 'CRUCIBLE_INTERNAL_URL', message: expect.stringContaining('0.0.0.0') },
    ]);
    expect(load({ CRUCIBLE_INTERNAL_KEY, CRUCIBLE_INTERNAL_HOST, CRUCIBLE_INTERNAL_URL }).internal?.url).toBe(
      'http://crucible-1:8090',
    );
    for (const url of ['https://a:1', 'http://a:1/x', 'a:1', 'http://u:p@a:1'])
      expect(refusal({ CRUCIBLE_INTERNAL_URL: url }).issues).toMatchObject([
        { path: 'CRUCIBLE_INTERNAL_URL' },
      ]);
    for (const key of ['hunter2', `${'k'.repeat(40)}\n`, 'k'.repeat(513)]) {
      const refused = refusal({ CRUCIBLE_INTERNAL_KEY: key });
      expect(refused.issues).toMatchObject([{ path: 'CRUCIBLE_INTERNAL_KEY' }]);
      expect(describeStartError(refused)).not.toContain(key.trim());
    }
  });

  it.each([
    ['an unknown variable', { CRUCIBLE_PROT: '1' }, undefined, 'CRUCIBLE_PROT'],
    ['an unknown setting', {}, 'prot: 1', 'prot'],
    ['broken YAML', {}, 'a: [', 'crucible.yaml'],
    ['a list for a file', {}, '- a', 'crucible.yaml'],
    ['a port that is no number', { CRUCIBLE_PORT: 'http' }, undefined, 'CRUCIBLE_PORT'],
  ])('refuses %s by name', (_, env, file, named) => {
    if (file !== undefined) writeFileSync(join(cwd, 'crucible.yaml'), file);
    expect(refusal(env as Record<string, string>).message).toContain(named);
  });

  it('says in which line of the file a mistake is', () => {
    writeFileSync(join(cwd, 'crucible.yaml'), '# ours\nport: 1\n\nprot: 8080\nlog_level: loud\n');
    expect(refusal({}).message.split('\n').slice(1)).toEqual([
      '  line 4 of crucible.yaml: prot is not a setting (did you mean `port`?)',
      expect.stringContaining('  line 5 of crucible.yaml: log_level Invalid option'),
    ]);
    writeFileSync(join(cwd, 'crucible.yaml'), 'port: 1\nhost: "x\nlog_level: info\n');
    expect(refusal({}).message).toMatch(/^crucible\.yaml: .*at line \d, column \d/);
    expect(refusal({}).message).not.toMatch(/\n\n|\n$/);
  });

  it('leaves secrets of hooks, the address that clients use and settings of tests alone', () => {
    expect(() =>
      load({
        CRUCIBLE_HOOK_SECRET_NTFY: 'x',
        CRUCIBLE_TEST_SURREAL: '/bin/surreal',
        CRUCIBLE_URL: 'http://127.0.0.1:1',
      }),
    ).not.toThrow();
  });

  it('takes tokens of one issuer, for a named audience', () => {
    expect(load().jwt).toBeUndefined();
    expect(
      load({ CRUCIBLE_JWT_ISSUER: 'https://login.example.org', CRUCIBLE_JWT_AUDIENCE: 'a, b' }).jwt,
    ).toEqual({
      issuer: 'https://login.example.org',
      audience: ['a', 'b'],
      algorithms: ['RS256', 'ES256', 'EdDSA'],
      keysUrl: undefined,
      key: undefined,
    });
    expect(refusal({ CRUCIBLE_JWT_ISSUER: 'https://login.example.org' }).issues).toMatchObject([
      { path: 'CRUCIBLE_JWT_AUDIENCE' },
    ]);
    expect(refusal({ CRUCIBLE_JWT_AUDIENCE: 'a', CRUCIBLE_JWT_KEY: 'x' }).issues).toMatchObject([
      { path: 'CRUCIBLE_JWT_ISSUER' },
      { path: 'CRUCIBLE_JWT_ISSUER' },
    ]);
    for (const CRUCIBLE_JWT_ALGORITHMS of ['none', 'HS256', 'RS256,HS256', ' , '])
      expect(refusal({ CRUCIBLE_JWT_ALGORITHMS }).message).toContain('CRUCIBLE_JWT_ALGORITHMS must');
  });

  it('opens its metrics to its own machine only, unless told otherwise', () => {
    const metrics = (env: Record<string, string>) => load(env).metrics;
    for (const CRUCIBLE_HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
      expect(metrics({ CRUCIBLE_HOST })).toBe('open');
    for (const CRUCIBLE_HOST of ['0.0.0.0', '::', '10.0.0.1', '127.example.org'])
      expect(metrics({ CRUCIBLE_HOST })).toBe('key');
    expect(metrics({ CRUCIBLE_TRUST_PROXY: '1' })).toBe('key');
    expect(metrics({ CRUCIBLE_METRICS: 'off' })).toBe('off');
    expect(metrics({ CRUCIBLE_HOST: '0.0.0.0', CRUCIBLE_METRICS: 'open' })).toBe('open');
    expect(refusal({ CRUCIBLE_METRICS: 'on' }).message).toContain('CRUCIBLE_METRICS');
  });

  it('reads rates, proxies and origins', () => {
    expect(
      load({
        CRUCIBLE_RATE_LIMIT_IP: 'off',
        CRUCIBLE_RATE_LIMIT_READ: '20/m+5',
        CRUCIBLE_TRUST_PROXY: '10.0.0.0/8, ::1',
        CRUCIBLE_CORS_ORIGINS: 'https://app.example.org',
      }).httpAccess,
    ).toMatchObject({
      trustProxy: ['10.0.0.0/8', '::1'],
      corsOrigins: ['https://app.example.org'],
      rates: { ip: undefined, read: { perWindow: 20, windowMs: 60_000, burst: 5 } },
    });
    expect(load({ CRUCIBLE_TRUST_PROXY: '2' }).httpAccess.trustProxy).toBe(2);
    expect(load().httpAccess).toMatchObject({ trustProxy: undefined, corsOrigins: [] });
    for (const env of [
      { CRUCIBLE_RATE_LIMIT_IP: '0/s' },
      { CRUCIBLE_RATE_LIMIT_READ: '10' },
      { CRUCIBLE_RATE_LIMIT_WRITE: '10/day' },
      { CRUCIBLE_TRUST_PROXY: 'true' },
      { CRUCIBLE_TRUST_PROXY: 'proxy.example.org' },
      { CRUCIBLE_CORS_ORIGINS: 'https://app.example.org/' },
      { CRUCIBLE_CORS_ORIGINS: 'null' },
    ] as const) {
      expect(refusal(env).message).toContain(Object.keys(env)[0]);
    }
  });
});
