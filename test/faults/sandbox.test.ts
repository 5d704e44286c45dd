import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/kernel/json.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import type { Sandbox, ScriptRequest } from '../../src/sandbox/sandbox.ts';

/** One runner, so that the next script must get along with whatever the last one left. */
let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox({ logger: silentLogger, runners: 1 });
});
afterAll(() => sandbox.close());

const request = (source: string, more: Partial<ScriptRequest> = {}): ScriptRequest => ({
  source,
  name: 'hook.js',
  input: null,
  capabilities: { tick: async () => null },
  timeoutMs: 20_000,
  ...more,
});
const run = (source: string, more: Partial<ScriptRequest> = {}) => sandbox.run(request(source, more));
const expectNextToRun = async () =>
  expect(await run('export default () => "next"')).toMatchObject({ kind: 'returned', value: 'next' });

describe('a script that uses too much ends, and the next one runs', () => {
  it.each([
    ['an endless loop', 'export default () => { for (;;); }', 'cpu'],
    ['an endless loop at the top', 'for (;;); export default () => 1', 'cpu'],
    ['endless microtasks', 'export default async () => { for (;;) await 0; }', 'cpu'],
    ['a loop after an await', 'export default async (i, c) => { await c.tick(); for (;;); }', 'cpu'],
    ['a loop in a then', 'export default () => Promise.resolve().then(() => { for (;;); })', 'cpu'],
    ['a loop in a getter of the result', 'export default () => ({ get a() { for (;;); } })', 'cpu'],
    ['a loop in toJSON', 'export default () => ({ toJSON() { for (;;); } })', 'cpu'],
    [
      'a loop in the message of an error',
      'export default () => { throw Object.assign(new Error(), { get message() { for (;;); } }, { name: { toString() { for (;;); } } }); }',
      'cpu',
    ],
    [
      'a loop in a finally that catches',
      'export default () => { for (;;) { try { for (;;); } finally { continue; } } }',
      'cpu',
    ],
    ['a catastrophic expression', 'export default () => /^(a+)+$/.test("a".repeat(60) + "b")', 'cpu'],
    ['BigInt time', 'export default () => { let n = 3n; for (;;) n *= n; }', 'cpu'],
    ['a promise that never settles', 'export default () => new Promise(() => {})', 'timeout'],
    [
      'array memory',
      'export default () => { const a = []; for (;;) a.push(new Array(1e5).fill(1)); }',
      'memory',
    ],
    ['one huge array', 'export default () => new Array(2 ** 27).fill(0).map(() => ({})).length', 'memory'],
    [
      'strings that are kept',
      'export default () => { const a = []; for (let i = 0; ; i += 1) a.push("x".repeat(1e6) + i, [...("y" + i).repeat(1e4)]); }',
      'memory',
    ],
    ['a 100 MB result', 'export default () => "x".repeat(1e8)', 'memory'],
    ['a result just too large', 'export default () => "x".repeat(262_143)', 'result_size'],
    ['endless logging', 'export default (i, c) => { for (;;) c.log("x"); }', 'log_size'],
    [
      'one large line after the other',
      'export default (i, c) => { for (;;) c.log("x".repeat(1e5)); }',
      'log_size',
    ],
  ])('%s', async (_what, source, limit) => {
    const cpu = limit === 'memory' ? { cpuMs: 10_000 } : {};
    const result = await run(source, { ...(limit === 'timeout' ? { timeoutMs: 300 } : {}), ...cpu });
    expect(result).toMatchObject({ kind: 'exceeded', limit });
    await expectNextToRun();
  });

  it.each([
    [
      'WebAssembly memory',
      'export default () => new WebAssembly.Memory({ initial: 65_000 }).buffer.byteLength',
    ],
    ['a shared buffer', 'export default () => new SharedArrayBuffer(1e9).byteLength'],
    ['Atomics.wait', 'export default () => Atomics.wait(new Int32Array(4), 0, 0)'],
    ['one buffer', 'export default () => new ArrayBuffer(1e9).byteLength'],
    ['many buffers', 'export default () => { const a = []; for (;;) a.push(new Uint8Array(1e6)); }'],
    ['a string that doubles', 'export default () => { let s = "x"; for (;;) s += s; }'],
    ['a BigInt that doubles', 'export default () => 2n ** (2n ** 40n)'],
    ['endless recursion', 'const f = () => f(); export default f'],
  ])('%s is refused by the engine, and the script may say so', async (_what, source) => {
    const result = await run(source, { cpuMs: 10_000 });
    expect(result.kind).toMatch(/^(?:threw|exceeded)$/);
    await expectNextToRun();
  });

  it('an input that is too large is not sent', async () => {
    expect(await run('export default () => 1', { input: 'x'.repeat(1_100_000) })).toMatchObject({
      kind: 'exceeded',
      limit: 'input_size',
    });
    await expectNextToRun();
  });

  it('keeps what was logged before', async () => {
    const result = await run('export default (i, c) => { c.log("before"); return new Promise(() => {}); }', {
      timeoutMs: 1_500,
    });
    expect(result).toMatchObject({ kind: 'exceeded', limit: 'timeout', log: ['before'] });
  });
});

describe('a script finds no way out', () => {
  const probe = `
    const names = ['process', 'require', 'module', 'Buffer', 'global', 'fetch', 'setTimeout', 'queueMicrotask', 'structuredClone', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', '$0', '$1'];
    const seen = () => names.filter((name) => { try { return eval('typeof ' + name) !== 'undefined'; } catch { return false; } });`;

  it.each([
    ['globals', 'return seen();'],
    [
      'the function constructor',
      'return Function("return typeof process !== \'undefined\' || typeof require !== \'undefined\'")() ? ["host"] : [];',
    ],
    [
      'this of a sloppy function',
      'return Function("return Object.keys(this).filter((name) => name !== \'console\')")();',
    ],
    [
      'the constructor of a capability',
      'return (await c.tick.constructor("return typeof process")()) === "undefined" && c.tick.constructor.constructor("return typeof require")() === "undefined" ? [] : ["host"];',
    ],
    [
      'the prototypes of crucible',
      'return Object.getPrototypeOf(c) === null && Object.getPrototypeOf(c.tick) === Object.getPrototypeOf(async () => {}) ? [] : ["other realm"];',
    ],
    ['the answer of a capability', 'const a = await c.tick(); return a === null ? [] : ["host"];'],
    [
      'an error of a capability',
      'try { await c.fail(); } catch (e) { return e.constructor === Error && e.constructor.constructor === Function && !/[/\\\\](?:work|src|node_modules)/.test(e.stack) ? [] : [e.stack]; }',
    ],
    [
      'frames',
      'let sites = []; Error.prepareStackTrace = (e, frames) => frames; try { c.log({ toJSON() { sites = new Error().stack; } }); } catch {} return sites.filter((f) => f.getFunction?.() !== undefined && !String(f.getFileName()).includes("hook.js")).map(String);',
    ],
    [
      'callers',
      'function who() { return who.caller; } let caller = null; c.log({ toJSON() { caller = who(); return 1; } }); return caller === null || caller.name === "toJSON" ? [] : [String(caller)];',
    ],
    ['dynamic import', 'try { await import("node:fs"); return ["imported"]; } catch { return []; }'],
    [
      'import of data',
      'try { await import("data:text/javascript,export default 1"); return ["imported"]; } catch { return []; }',
    ],
    ['import.meta', 'return Object.keys(import.meta);'],
  ])('by %s', async (_way, body) => {
    const result = await run(`${probe}\nexport default async (i, c) => { ${body} }`, {
      capabilities: {
        tick: async () => null,
        fail: async () => {
          throw new Error('no');
        },
      },
    });
    expect(result).toMatchObject({ kind: 'returned', value: [] });
  });

  it('leaves nothing behind for the next script', async () => {
    await run(
      'globalThis.left = 1; Object.prototype.left = 1; Array.prototype.map = null; export default () => 1',
    );
    const result = await run('export default () => [typeof left, typeof {}.left, typeof [].map]');
    expect(result).toMatchObject({ value: ['undefined', 'undefined', 'function'] });
  });

  it('makes __proto__ in input and answers inert', async () => {
    const input = JSON.parse('{"__proto__": {"polluted": true}}') as JsonValue;
    const result = await run(
      'export default async (i, c) => [{}.polluted === undefined, (await c.tick()).polluted === undefined]',
      {
        input,
        capabilities: { tick: async () => input },
      },
    );
    expect(result).toMatchObject({ value: [true, true] });
  });
});

describe('runner processes', () => {
  it('cost only their own script when they die', async () => {
    const seen: { pid: number }[] = [];
    const logger: Logger = {
      ...silentLogger,
      child: () => logger,
      warn: (fields) => seen.push(fields as { pid: number }),
    };
    await using two = Object.assign(createSandbox({ logger, runners: 2 }), {
      async [Symbol.asyncDispose]() {
        await two.close();
      },
    });
    const { promise: bothIn, resolve: letGo } = Promise.withResolvers<void>();
    let inside = 0;
    const meet = async (): Promise<JsonValue> => {
      inside += 1;
      if (inside === 2) letGo();
      await bothIn;
      return null;
    };
    const survivor = two.run(
      request('export default async (i, c) => { await c.meet(); await c.after(); return "alive"; }', {
        capabilities: { meet, after: async () => (await killed, null) },
      }),
    );
    const killed = two.run(
      request('export default async (i, c) => { await c.meet(); for (;;); }', { capabilities: { meet } }),
    );
    expect(await killed).toMatchObject({ kind: 'exceeded', limit: 'cpu' });
    expect(await survivor).toMatchObject({ kind: 'returned', value: 'alive' });
  });

  it('are ended when a script is called off, and work goes on', async () => {
    const controller = new AbortController();
    const started = Promise.withResolvers<void>();
    const result = run(
      'export default async (i, c) => { await c.started(); return new Promise(() => {}); }',
      {
        capabilities: {
          started: async () => {
            started.resolve();
            return null;
          },
        },
        signal: controller.signal,
      },
    );
    await started.promise;
    controller.abort();
    expect(await result).toEqual({ kind: 'lost', message: 'The script was called off' });
    await expectNextToRun();
  });

  it('take scripts in turn when there are more scripts than runners', async () => {
    const results = await Promise.all(
      Array.from({ length: 25 }, (_, n) => run('export default (i) => i * 2', { input: n })),
    );
    expect(results.map((result) => (result.kind === 'returned' ? result.value : result.kind))).toEqual(
      Array.from({ length: 25 }, (_, n) => n * 2),
    );
  });

  it('let a waiting script be called off', async () => {
    const first = run('export default () => new Promise(() => {})', { timeoutMs: 300 });
    const controller = new AbortController();
    const second = run('export default () => 2', { signal: controller.signal });
    controller.abort();
    expect(await second).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('called off') as string,
    });
    expect(await first).toMatchObject({ limit: 'timeout' });
  });

  it('that cannot be started are told of, not waited for', async () => {
    const broken = createSandbox({ logger: silentLogger, nodePath: '/nonexistent/node' });
    expect(await broken.run(request('export default () => 1'))).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('could not be started') as string,
    });
    const wrong = createSandbox({ logger: silentLogger, nodePath: '/bin/false' });
    expect(await wrong.run(request('export default () => 1'))).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('ended') as string,
    });
    await Promise.all([broken.close(), wrong.close()]);
  });

  it('are gone after close, with what they were doing', async () => {
    const closing = createSandbox({ logger: silentLogger, runners: 1 });
    const started = Promise.withResolvers<void>();
    const running = closing.run(
      request('export default async (i, c) => { await c.started(); for (;;); }', {
        capabilities: {
          started: async () => {
            started.resolve();
            return null;
          },
        },
        cpuMs: 60_000,
      }),
    );
    const waiting = closing.run(request('export default () => 1'));
    await started.promise;
    await closing.close();
    expect((await running).kind).toBe('lost');
    expect((await waiting).kind).toBe('lost');
    expect((await closing.run(request('export default () => 1'))).kind).toBe('lost');
  });
});
