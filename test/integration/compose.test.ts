import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/schema.ts';

/* What `docker compose` and `docker build` would read, as far as it can be judged without them. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
}

const source = read('docker-compose.yml');
const compose = (): Compose => parse(source, { merge: true }) as Compose;
const { services, volumes } = compose();

const { $schema: _dialect, ...schema } = JSON.parse(read('test/support/compose-spec/compose-spec.json')) as {
  $schema: string;
};
const isCompose = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
const faultsOf = (value: unknown): readonly string[] =>
  isCompose(value)
    ? []
    : (isCompose.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);

const isJob = (service: Service | undefined): boolean => service?.restart?.startsWith('on-failure') === true;
const isFileOfOurs = (path: string): boolean => path.startsWith('./') && existsSync(join(ROOT, path));

/** The stages' lines of a Dockerfile, continued ones joined. */
const instructions = read('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const copied = instructions
  .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
  .flatMap((line) => line.split(' ').slice(1, -1));

describe('docker-compose.yml', () => {
  it('is a compose file by the schema of the specification', () => {
    expect(faultsOf(compose())).toEqual([]);
  });

  it('would not be one with a misspelt key or a wrong value', () => {
    const { crucible } = services;
    const withCrucible = (changed: object): object => ({
      ...compose(),
      services: { crucible: { ...crucible, ...changed } },
    });
    expect(faultsOf(withCrucible({}))).toEqual([]);
    expect(faultsOf(withCrucible({ helthcheck: {} }))).not.toEqual([]);
    expect(faultsOf(withCrucible({ depends_on: { temporal: { condition: 'healthy' } } }))).not.toEqual([]);
    expect(faultsOf(withCrucible({ healthcheck: { interval: [] } }))).not.toEqual([]);
  });

  it.each(Object.entries(services))('%s waits for what is there and can be waited for', (_name, service) => {
    const awaited = Object.entries(service.depends_on ?? {});
    const cannot = awaited.filter(([name, { condition }]) => {
      const other = services[name];
      const healthy = condition === 'service_healthy' && other?.healthcheck !== undefined;
      const completed = condition === 'service_completed_successfully' && isJob(other);
      return !healthy && !completed;
    });
    expect(cannot).toEqual([]);
  });

  it.each(Object.entries(services))('%s mounts what is declared or in the repository', (_name, service) => {
    const mounted = (service.volumes ?? []).map((mount) => mount.split(':')[0] ?? '');
    // The directory of hooks is the owner's.
    const known = new Set([...Object.keys(volumes), './hooks.d']);
    const missing = mounted.filter((from) => !known.has(from) && !isFileOfOurs(from));
    expect(missing).toEqual([]);
  });

  it('sets only settings that there are at Crucible', () => {
    const known: readonly string[] = Object.values(SETTINGS).map(({ variable }) => variable);
    const set = Object.values(services)
      .filter(({ image = '' }) => image.startsWith('crucible-events'))
      .flatMap(({ environment = {} }) => Object.keys(environment));
    expect(set.length).toBeGreaterThan(5);
    expect(known).toEqual(expect.arrayContaining(set));
  });

  it('gives each server an address of its own where the others reach it', () => {
    const addresses = ['crucible', 'crucible-2'].map((name) => {
      const { internal } = loadConfig({
        env: {
          ...services[name]?.environment,
          CRUCIBLE_INTERNAL_KEY: 'k'.repeat(32),
          CRUCIBLE_API_KEY: '',
          CRUCIBLE_ENCRYPTION_KEY: '',
          CRUCIBLE_TEMPORAL_UI_URL: '',
        },
        cwd: ROOT,
        file: false,
        dev: false,
      });
      return [internal?.host, internal?.port, internal?.url];
    });
    expect(addresses).toEqual([
      ['0.0.0.0', 8090, 'http://crucible:8090'],
      ['0.0.0.0', 8090, 'http://crucible-2:8090'],
    ]);
  });

  it('takes each secret from the file of secrets, and goes nowhere without', () => {
    const asked = new Set([...source.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name));
    const offered = [...read('.env.example').matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name);
    expect(asked).toEqual(new Set(offered));
    const secrets = Object.values(services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([name]) => /PASS|PWD|KEY/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(5);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{[A-Z_]+:\?/);
    expect(read('.gitignore').split('\n')).toEqual(expect.arrayContaining(['.env', 'crucible.env']));
  });

  it('opens no port of a database or of Temporal, and others to this machine alone', () => {
    const open = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => [name, port] as const),
    );
    expect(new Set(open.map(([name]) => name))).toEqual(new Set(['temporal-ui', 'crucible', 'crucible-2']));
    for (const [, port] of open) expect(port).toMatch(/^(\$\{[A-Z0-9_]+:-)?127\.0\.0\.1:/);
  });

  const hasTools = ['bash', 'openssl', 'sed'].every((tool) => spawnSync(tool, ['--help']).status === 0);
  it.skipIf(!hasTools)('has its secrets made by the guide, each another one (needs openssl and sed)', () => {
    const [, block = ''] = /```sh\n(cp [\s\S]*?)docker compose/.exec(read('docs/guides/production.md')) ?? [];
    const directory = mkdtempSync(join(tmpdir(), 'crucible-secrets-'));
    try {
      copyFileSync(join(ROOT, '.env.example'), join(directory, '.env.example'));
      expect(spawnSync('bash', ['-euc', block], { cwd: directory }).status).toBe(0);
      const lines = readFileSync(join(directory, '.env'), 'utf8').matchAll(/^([A-Z_]+)=(.+)$/gm);
      const made = new Map([...lines].map(([, name = '', value = '']) => [name, value]));
      expect(new Set(made.values()).size).toBe(5);
      const { apiKey, encryptionKey, internal } = loadConfig({
        env: {
          CRUCIBLE_API_KEY: made.get('CRUCIBLE_API_KEY'),
          CRUCIBLE_INTERNAL_KEY: made.get('CRUCIBLE_INTERNAL_KEY'),
          CRUCIBLE_ENCRYPTION_KEY: made.get('CRUCIBLE_ENCRYPTION_KEY'),
        },
        cwd: directory,
        dev: false,
      });
      expect([apiKey, encryptionKey, internal?.key]).toEqual([
        made.get('CRUCIBLE_API_KEY'),
        made.get('CRUCIBLE_ENCRYPTION_KEY'),
        made.get('CRUCIBLE_INTERNAL_KEY'),
      ]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  const hasClient = spawnSync('docker', ['compose', 'version']).status === 0;
  it.skipIf(!hasClient)('is taken by the client (skipped: there is no `docker compose`)', () => {
    const env = { ...process.env };
    for (const [, name = ''] of read('.env.example').matchAll(/^([A-Z_]+)=$/gm)) env[name] = 'x';
    const { status, stderr } = spawnSync('docker', ['compose', 'config', '--quiet'], { cwd: ROOT, env });
    expect([status, stderr.toString()]).toEqual([0, '']);
  });
});

describe('the Dockerfile', () => {
  it('copies what is there and not ignored', () => {
    const kept = read('.dockerignore').split('\n');
    for (const path of copied) {
      expect(existsSync(join(ROOT, path))).toBe(true);
      expect(kept).toContain(`!${path}`);
    }
  });

  it('starts a program of the image, as the process that gets the signals', () => {
    const command = JSON.parse(instructions.at(-1)?.replace(/^CMD /, '') ?? '') as readonly string[];
    expect(command[0]).toBe('node');
    expect(existsSync(join(ROOT, command.at(-1) ?? ''))).toBe(true);
  });

  it('holds everything that the server imports: its own files, and packages that are no tools of developers', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: object };
    const files = copied.flatMap((path) => globSync(`${path}/**/*.ts`, { cwd: ROOT }));
    const sources = files.filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'));
    expect(sources.length).toBeGreaterThan(300);
    const missing = sources.flatMap((file) => {
      const text = read(file);
      const imports = text.matchAll(
        /(?:^import [^;]*?from |^export [^;]*? from |^import |\bimport\()'([^']+)'/gm,
      );
      return [...imports].flatMap(([statement, name = '']) => {
        if (statement.startsWith('import type') || name.startsWith('node:')) return [];
        if (name.startsWith('.')) {
          const path = relative(ROOT, join(ROOT, dirname(file), name));
          return copied.some((from) => path.startsWith(`${from}/`) || path === from)
            ? []
            : [`${file}: ${name}`];
        }
        const [scope = '', rest = ''] = name.split('/');
        const bare = scope.startsWith('@') ? `${scope}/${rest}` : scope;
        return bare in dependencies ? [] : [`${file}: ${name}`];
      });
    });
    expect(missing).toEqual([]);
  });
});
