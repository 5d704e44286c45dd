import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { configTemplate } from './describe.ts';
import { loadConfig } from './load.ts';
import { reportConfig } from './report.ts';
import { readSettings, type Flags } from './sources.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'crucible-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const file = (text: string): void => writeFileSync(join(cwd, 'crucible.yaml'), text);
const report = (env: Record<string, string> = {}, flags: Flags = {}) =>
  Object.fromEntries(
    reportConfig({ env, cwd, flags }).map(({ setting, value, origin }) => [setting, { value, origin }]),
  );

const refusal = (env: Record<string, string>, flags: Flags = {}): CrucibleError => {
  try {
    readSettings({ env, cwd, flags });
  } catch (error) {
    if (error instanceof CrucibleError) return error;
  }
  throw new Error('it was accepted');
};

describe('the report', () => {
  it('tells of each value where it comes from: flags beat variables, which beat the file', () => {
    file('port: 1\nhost: 0.0.0.0\nlog_level: warn\n');
    expect(
      report({ CRUCIBLE_PORT: '2', CRUCIBLE_LOG_LEVEL: 'error', CRUCIBLE_DATA_DIR: '' }, { port: '3' }),
    ).toMatchObject({
      port: { value: 3, origin: 'flag' },
      log_level: { value: 'error', origin: 'variable' },
      host: { value: '0.0.0.0', origin: 'file' },
      data_dir: { value: '.crucible', origin: 'default' },
    });
  });

  it('hides secrets, those in URLs too, and says what follows from others', () => {
    const shown = report({
      CRUCIBLE_API_KEY: 'k'.repeat(40),
      CRUCIBLE_SURREAL_PASS: 'hunter2',
      CRUCIBLE_INTERNAL_KEY: 'k'.repeat(40),
      CRUCIBLE_SURREAL_URL: 'wss://root:hunter2@db.example.org:8000/rpc',
    });
    expect(shown).toMatchObject({
      api_key: { value: '(hidden)', origin: 'variable' },
      surreal_pass: { value: '(hidden)' },
      internal_key: { value: '(hidden)' },
      internal_url: { value: 'of internal_host and internal_port', origin: 'default' },
      surreal_url: { value: 'wss://(hidden)@db.example.org:8000/rpc' },
      hooks_dir: { value: '<data>/hooks', origin: 'default' },
      encryption_key: { value: 'generated', origin: 'default' },
      surreal_user: { value: null },
    });
    expect(JSON.stringify(shown)).not.toMatch(/hunter2|kkkk/);
  });
});

describe('what is not valid', () => {
  it('is named as it was given', () => {
    file('log_level: loud\n');
    expect(refusal({ CRUCIBLE_HOST: '' }, { port: 'http' }).issues.map(({ path }) => path)).toEqual([
      '--port',
      'crucible.yaml: log_level',
    ]);
  });

  it('gets a word that may be meant', () => {
    file('prot: 1\nhooks: x\nzzzzzzzz: 1\n');
    expect(refusal({ CRUCIBLE_DATADIR: 'x' }).issues.map(({ path, hint }) => [path, hint])).toEqual([
      ['crucible.yaml: prot', 'did you mean `port`?'],
      ['crucible.yaml: hooks', expect.any(String)],
      ['crucible.yaml: zzzzzzzz', expect.stringContaining('settings: host, port')],
      ['CRUCIBLE_DATADIR', 'did you mean `CRUCIBLE_DATA_DIR`?'],
    ]);
  });
});

describe('the annotated file', () => {
  const load = () => loadConfig({ env: {}, cwd, dev: false });

  it('changes nothing, neither as it stands nor with every default put in force', () => {
    const before = load();
    file(configTemplate());
    expect(load()).toEqual(before);
    file(configTemplate().replaceAll(/^#(?=\w+:)/gm, ''));
    expect(load()).toEqual(before);
  });
});
