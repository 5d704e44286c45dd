import { afterAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../kernel/json.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createSandbox } from './create.ts';
import type { ScriptRequest } from './sandbox.ts';

const sandbox = createSandbox({ logger: silentLogger, runners: 2 });
afterAll(() => sandbox.close());

const run = (source: string, more: Partial<ScriptRequest> = {}) =>
  sandbox.run({ source, name: 'hook.js', input: null, capabilities: {}, timeoutMs: 10_000, ...more });

describe('run', () => {
  it('gives the script its input and takes its result, as JSON', async () => {
    const input = { text: 'a "b" \u2028 ü 🙂', list: [1, 2.5, null, true], deep: { er: {} } };
    expect(
      await run('export default async function (input) { return { ...input, n: input.list.length }; }', {
        input,
      }),
    ).toEqual({
      kind: 'returned',
      value: { ...input, n: 4 },
      log: [],
      cpuMs: expect.any(Number),
    });
  });

  it.each([
    ['export default () => undefined', null],
    ['export default () => {}', null],
    ['export default () => Symbol("x")', null],
    ['export default () => ({ a: undefined, f() {}, d: new Date(0) })', { d: '1970-01-01T00:00:00.000Z' }],
    ['export default () => [undefined, NaN, Infinity]', [null, null, null]],
    ['export default () => ({ then(f) { f(7); } })', 7],
    ['const run = async () => "const"; export { run as default }', 'const'],
    ['export default class { }', undefined],
  ])('%s gives %j', async (source, value) => {
    const result = await run(source);
    expect(result).toMatchObject(value === undefined ? { kind: 'threw' } : { kind: 'returned', value });
  });

  it('keeps what is logged, also by console', async () => {
    const result = await run(
      'export default (i, c) => { c.log("a", { b: 1 }, [2], null, undefined); console.warn("w"); c.log(1n); }',
    );
    expect(result).toMatchObject({
      kind: 'returned',
      log: ['a {"b":1} [2] null undefined', 'w', '[cannot be shown]'],
    });
  });

  it('tells where a script failed, by its own name only', async () => {
    const result = await run('export default () => {\n  null.x;\n}', { name: '/srv/secret/place/hook.js' });
    expect(result).toEqual({
      kind: 'threw',
      message: "TypeError: Cannot read properties of null (reading 'x') (hook.js:2:8)",
      log: [],
    });
  });

  it.each([
    ['export default () => { throw { a: 1 } }', 'threw {"a":1}'],
    ['export default () => { throw null }', 'threw null'],
    ['export default () => { throw { get toJSON() { throw 1 } } }', 'threw [cannot be shown]'],
    [
      'export default () => { const e = new Error(); Object.defineProperty(e, "message", { get() { throw e } }); throw e }',
      'threw something that cannot be shown',
    ],
    ['throw new Error("top")', 'top'],
    ['export default 1', 'The script has no default export that is a function'],
    ['export const a = 1', 'The script has no default export that is a function'],
    ['export default () => 1n', 'TypeError: Do not know how to serialize a BigInt'],
    [
      'export default () => { const a = []; a.push(a); return a }',
      'TypeError: Converting circular structure to JSON',
    ],
    ['export default () => {', 'Unexpected end of input'],
    [
      'import fs from "node:fs"; export default () => 1',
      'The script imports "node:fs", and scripts can import nothing',
    ],
    [
      'await new Promise(() => {}); export default () => 1',
      'The default export has no value: scripts cannot await at their top level',
    ],
  ])('%s: %s', async (source, message) => {
    expect(await run(source)).toMatchObject({
      kind: 'threw',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('capabilities', () => {
  it('carry JSON both ways, and errors back', async () => {
    const seen: JsonValue[] = [];
    const capabilities = {
      'http.fetch': async (args: readonly JsonValue[]) => {
        seen.push([...args]);
        return { status: 200, body: 'ok' };
      },
      'events.emit': async () => {
        throw new Error('needs permission events:emit');
      },
    };
    const result = await run(
      `export default async (input, crucible) => {
        const answers = await Promise.all([crucible.http.fetch('a', { b: [1] }), crucible.http.fetch('c')]);
        try { await crucible.events.emit({}); } catch (error) { return { answers, error: error.message, own: error instanceof Error }; }
      }`,
      { capabilities },
    );
    expect(result).toMatchObject({
      kind: 'returned',
      value: {
        answers: [
          { status: 200, body: 'ok' },
          { status: 200, body: 'ok' },
        ],
        error: 'crucible.events.emit: needs permission events:emit',
        own: true,
      },
    });
    expect(seen).toEqual([['a', { b: [1] }], ['c']]);
  });

  it('are what the request grants and nothing else', async () => {
    const result = await run('export default (i, c) => [typeof c.http, typeof c.memory, Object.keys(c)]');
    expect(result).toMatchObject({ value: ['undefined', 'undefined', ['log']] });
  });

  it('cannot be changed by the script', async () => {
    const result = await run(
      `export default async (i, c) => {
        const tried = [];
        for (const change of [() => { c.x = 1; }, () => { c.http.fetch = () => 1; }, () => { delete c.log; }, () => { c.log.y = 1; }]) {
          try { change(); tried.push('done'); } catch { tried.push('refused'); }
        }
        return [tried, await c.http.fetch()];
      }`,
      { capabilities: { 'http.fetch': async () => 'real' } },
    );
    expect(result).toMatchObject({ value: [['refused', 'refused', 'refused', 'refused'], 'real'] });
  });

  it('hold when the script breaks the built-ins first', async () => {
    const result = await run(
      `export default async (i, c) => {
        const lost = () => { throw new Error('patched'); };
        JSON.stringify = JSON.parse = String.prototype.slice = String.prototype.split = Array.prototype.join = lost;
        Function.prototype.call = Function.prototype.apply = Function.prototype.bind = Object.freeze = lost;
        Promise.prototype.then = Promise.resolve = Promise = lost;
        Object.prototype.reference = Object.prototype.copy = Object.prototype.externalCopy = true;
        Object.defineProperty(Object.prototype, 'get', { value: undefined });
        c.log('still');
        return { answer: await c.echo('x') };
      }`,
      { capabilities: { echo: async ([value = null]) => value } },
    );
    expect(result).toMatchObject({ kind: 'returned', value: { answer: 'x' }, log: ['still'] });
  });

  it('are refused when too many are under way, without harm to those that are', async () => {
    const result = await run(
      `export default async (i, c) => {
        const refused = [];
        await new Promise((done) => {
          for (let n = 0; n < 40; n += 1) {
            c.hold().catch((error) => { refused.push(error.message); if (refused.length === 8) done(); });
          }
        });
        return refused;
      }`,
      { capabilities: { hold: () => new Promise<JsonValue>(() => undefined) } },
    );
    expect(result).toMatchObject({
      value: Array.from({ length: 8 }, () => 'crucible.hold: a script may have 32 calls under way at once'),
    });
  });

  it('are counted', async () => {
    const result = await run(
      `export default async (i, c) => {
        for (let n = 0; n < 1001; n += 1) try { await c.echo(n); } catch (error) { return [n, error.message]; }
      }`,
      { capabilities: { echo: async ([value = null]) => value }, cpuMs: 5_000 },
    );
    expect(result).toMatchObject({ value: [1000, 'crucible.echo: a script may make 1000 calls'] });
  });

  it('that never answer leave the time-out in force', async () => {
    const result = await run('export default (i, c) => c.wait()', {
      capabilities: { wait: () => new Promise<JsonValue>(() => undefined) },
      timeoutMs: 100,
    });
    expect(result).toEqual({
      kind: 'exceeded',
      limit: 'timeout',
      message: 'The script did not end within 100 ms',
      log: [],
    });
  });
});

describe('check', () => {
  it.each([
    'export default async function (input, crucible) { return 1; }',
    'export default () => 1',
    'for (;;); export default () => 1',
    'throw 1; export default async () => 1',
  ])('finds nothing wrong with %s, and runs none of it', async (source) => {
    expect(await sandbox.check(source, 'hook.js')).toEqual([]);
  });

  it.each([
    ['export default () => {\n  let a b\n}', { message: "Unexpected identifier 'b'", line: 2, column: 9 }],
    [
      'import x from "x"; export default () => x',
      { message: 'The script imports "x", and scripts can import nothing' },
    ],
    ['export const a = 1', { message: 'The script has no default export that is a function' }],
    ['', { message: 'The script has no default export that is a function' }],
    ['module.exports = () => 1', { message: 'The script has no default export that is a function' }],
    [
      `export default () => 1; // ${'x'.repeat(300_000)}`,
      { message: 'The script is longer than 262144 characters' },
    ],
  ])('finds what is wrong with %j', async (source, issue) => {
    expect(await sandbox.check(source, 'hook.js')).toMatchObject([issue]);
  });
});
