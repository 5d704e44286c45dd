import { LIMITS } from './limits.ts';

/** First character of what the wrapper answers: how the script ended. The rest is JSON or a message. */
export const ANSWER = { returned: 'R', threw: 'T', tooLarge: 'L' } as const;

/**
 * Runs inside the isolate before the script, as the body of a function of
 *   $0  (id, name, argsJson) => undefined           calls a capability; the reply comes by `settle`
 *   $1  (line) => undefined                        logs
 *   $2  the names of the capabilities
 *   $3  the name of the script, to find its frames in a stack
 * and gives `{invoke, settle}`: `invoke(fn, inputJson) => Promise<answer>` runs the script, and `settle(id, replyJson)`
 * gives a call its reply.
 *
 * Whatever it uses later it takes now, before the script can change the built-ins. It is strict, so no stack frame hands
 * out its functions. $0 and $1 are plain functions of this isolate that carry text only: there is no object of the host
 * anywhere that a prototype chain could be followed to.
 */
export const BOOTSTRAP = `
'use strict';
const { parse, stringify } = JSON;
const { create, defineProperty, freeze } = Object;
const { isArray } = Array;
const call = Function.prototype.call;
const uncurry = call.bind.bind(call);
const slice = uncurry(String.prototype.slice);
const split = uncurry(String.prototype.split);
const indexOf = uncurry(String.prototype.indexOf);
const join = uncurry(Array.prototype.join);
const NativeError = Error;
const NativePromise = Promise;
const text = String;
const callHost = $0, logHost = $1, scriptName = $3;

// Memory and threads outside of what the isolate counts.
for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'console']) delete globalThis[name];

const show = (value) => {
  if (typeof value === 'string') return value;
  try { const json = stringify(value); return json === undefined ? text(value) : json; } catch { return '[cannot be shown]'; }
};
const log = (...values) => {
  const shown = [];
  for (let i = 0; i < values.length && i < 64; i += 1) {
    defineProperty(shown, i, { __proto__: null, value: slice(show(values[i]), 0, ${LIMITS.logLineLength}), enumerable: true });
  }
  logHost(slice(join(shown, ' '), 0, ${LIMITS.logLineLength}));
};
// By number, without a prototype: nothing that the script does to Object or Map is met here.
const pending = create(null);
let calls = 0;
const settle = (id, reply) => {
  const resolve = pending[id];
  delete pending[id];
  if (resolve !== undefined) resolve(reply);
};
const capability = (name) => async (...args) => {
  const json = stringify(args);
  if (json.length > ${LIMITS.callLength}) throw new NativeError('crucible.' + name + ': the arguments are too large');
  const reply = parse(await new NativePromise((resolve) => {
    calls += 1;
    pending[calls] = resolve;
    callHost(calls, name, json);
  }));
  if (!reply.ok) throw new NativeError(reply.message);
  return reply.value;
};

const crucible = create(null);
const put = (path, value) => {
  const parts = split(path, '.');
  let at = crucible;
  for (let i = 0; i < parts.length - 1; i += 1) at = at[parts[i]] ??= create(null);
  at[parts[parts.length - 1]] = value;
};
for (const name of parse($2)) put(name, capability(name));
crucible.log = log;
const freezeAll = (object) => {
  for (const key of Object.keys(object)) if (typeof object[key] === 'object') freezeAll(object[key]); else freeze(object[key]);
  return freeze(object);
};
freezeAll(crucible);
globalThis.console = freeze({ __proto__: null, log, info: log, warn: log, error: log, debug: log });

const describe = (error) => {
  try {
    if (!(error instanceof NativeError)) return 'threw ' + slice(show(error), 0, 500);
    const what = text(error.name) + ': ' + text(error.message);
    const frames = split(text(error.stack), '\\n');
    for (let i = 0; i < frames.length; i += 1) {
      const at = indexOf(frames[i], scriptName + ':');
      if (at >= 0) return what + ' (' + split(slice(frames[i], at), ')')[0] + ')';
    }
    return what;
  } catch { return 'threw something that cannot be shown'; }
};

const invoke = async (fn, input) => {
  try {
    const result = await fn(parse(input), crucible);
    const json = stringify(result);
    if (json === undefined) return '${ANSWER.returned}null';
    return json.length > ${LIMITS.resultLength} ? '${ANSWER.tooLarge}' : '${ANSWER.returned}' + json;
  } catch (error) {
    return '${ANSWER.threw}' + slice(describe(error), 0, ${LIMITS.messageLength});
  }
};
return { invoke, settle };
`;
