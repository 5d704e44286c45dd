import ivm from 'isolated-vm';
import type { Issue } from '../kernel/errors.ts';
import { messageOf } from '../kernel/errors.ts';
import { ANSWER, BOOTSTRAP } from './bootstrap.ts';
import { LIMITS } from './limits.ts';
import type { LimitName } from './limits.ts';
import type { RunOutcome, ToRunner } from './protocol.ts';

/** What a script in an isolate needs of its process. */
export interface Host {
  call(name: string, args: string): Promise<string>;
  log(line: string): void;
  /** Resident memory of this process, bytes: what a script takes outside of its counted heap shows here. */
  residentBytes(): number;
  /** Processor time of this process, all threads, ms. */
  processorMs(): number;
}

/** How often the limits that isolated-vm does not enforce are looked at, ms. */
const WATCH_MS = 5;

/** isolated-vm writes `message [name:line:column]`. */
const PLACED = /^(?<message>[\s\S]*) \[[^\]]*:(?<line>\d+):(?<column>\d+)\]$/;

const compileIssue = (error: unknown): Issue => {
  const message = messageOf(error).slice(0, LIMITS.messageLength);
  const placed = PLACED.exec(message)?.groups;
  if (placed === undefined) return { path: '', message };
  return {
    path: '',
    message: placed['message'] ?? message,
    line: Number(placed['line']),
    column: Number(placed['column']),
  };
};

const importIssue = (specifiers: readonly string[]): Issue => ({
  path: '',
  message: `The script imports ${specifiers.map((name) => JSON.stringify(name)).join(', ')}, and scripts can import nothing`,
  hint: 'Use what `crucible` offers, or a shell action.',
});

const NO_DEFAULT: Issue = {
  path: '',
  message: 'The script has no default export that is a function',
  hint: 'Write `export default async function (input, crucible) { … }`.',
};

const refuseImport = (): never => {
  throw new Error('scripts can import nothing');
};

/** Whether there is a default export: an import of it can be linked, for which nothing has to run. */
const hasDefault = async (isolate: ivm.Isolate, module: ivm.Module): Promise<boolean> => {
  const importer = await isolate.compileModule('import script from "script"; export { script };');
  try {
    await importer.instantiate(await isolate.createContext(), () => module);
    return true;
  } catch {
    return false;
  }
};

/** The default export once the module has run; undefined: it was never given a value, since the script awaits first. */
const defaultExport = async (module: ivm.Module): Promise<ivm.Reference<unknown> | undefined> => {
  try {
    return (await module.namespace.get('default', { reference: true })) as ivm.Reference<unknown>;
  } catch {
    return undefined;
  }
};

/** Compiles a script without running any of it. */
export const checkScript = async (source: string, name: string): Promise<readonly Issue[]> => {
  const isolate = new ivm.Isolate({ memoryLimit: LIMITS.memoryMb });
  try {
    const module = await isolate.compileModule(source, { filename: name });
    if (module.dependencySpecifiers.length > 0) return [importIssue(module.dependencySpecifiers)];
    return (await hasDefault(isolate, module)) ? [] : [NO_DEFAULT];
  } catch (error) {
    return [compileIssue(error)];
  } finally {
    if (!isolate.isDisposed) isolate.dispose();
  }
};

const MB = 1024 * 1024;

/** What the bootstrap gives (bootstrap.ts). */
interface Entry {
  invoke(fn: unknown, input: string): Promise<string>;
  settle(id: number, reply: string): void;
}

/**
 * Runs one script in a fresh isolate. States: preparing -> running -> ended, once, by whichever comes first: its answer,
 * its error, or a limit. Nothing is waited for after a limit: what does not stop (a BigInt that is being multiplied)
 * stops with the process, which its owner ends after `exceeded`.
 */
export const runScript = (request: ToRunner & { type: 'run' }, host: Host): Promise<RunOutcome> =>
  new Promise((resolve) => {
    let ended = false;
    let logged = 0;
    let lines = 0;
    let calls = 0;
    let callsUnderWay = 0;

    const isolate = new ivm.Isolate({
      memoryLimit: request.memoryMb,
      // V8 has lost the isolate and maybe the process: memory, as good as always. The owner sees the signal.
      onCatastrophicError: () => process.abort(),
    });
    // isolated-vm counts the time that the isolate was at work, also while the machine gave the processor to others; the
    // process counts what it got, but of all its threads. The script has used the lesser of the two at most.
    const started = { isolate: 0, process: host.processorMs() };
    const isolateMs = (): number => (isolate.isDisposed ? 0 : Number(isolate.cpuTime) / 1e6);
    const usedMs = (): number =>
      Math.min(isolateMs() - started.isolate, host.processorMs() - started.process);
    const residentBefore = host.residentBytes();
    // The heap may grow to a few times its limit for a moment; past that the memory is somewhere it is not counted.
    const residentLimit = residentBefore + (4 * request.memoryMb + 32) * MB;

    const end = (outcome: RunOutcome): void => {
      if (ended) return;
      ended = true;
      clearInterval(watch);
      resolve(outcome);
      // A limit leaves the isolate to the end of the process: to dispose of what does not stop may never return.
      if (outcome.kind !== 'exceeded' && !isolate.isDisposed) isolate.dispose();
    };
    const exceed = (limit: LimitName): void => end({ kind: 'exceeded', limit });

    const watch = setInterval(() => {
      if (usedMs() > request.cpuMs) exceed('cpu');
      else if (host.residentBytes() > residentLimit) exceed('memory');
    }, WATCH_MS);

    const log = (line: unknown): void => {
      if (ended) return;
      const text = String(line).slice(0, LIMITS.logLineLength);
      logged += text.length;
      lines += 1;
      if (logged > LIMITS.logLength || lines > LIMITS.logLines) exceed('log_size');
      else host.log(text);
    };

    const replyTo = async (name: string, args: string): Promise<string> => {
      const refuse = (message: string): string =>
        JSON.stringify({ ok: false, message: `crucible.${name}: ${message}` });
      calls += 1;
      if (calls > LIMITS.calls) return refuse(`a script may make ${LIMITS.calls} calls`);
      if (callsUnderWay >= LIMITS.callsAtOnce)
        return refuse(`a script may have ${LIMITS.callsAtOnce} calls under way at once`);
      callsUnderWay += 1;
      try {
        return await host.call(name, args);
      } finally {
        callsUnderWay -= 1;
      }
    };

    let settle: ivm.Reference<(id: number, reply: string) => void> | undefined;
    const call = (id: unknown, name: unknown, args: unknown): void => {
      const settled = async (): Promise<void> => {
        const reply = await replyTo(String(name), String(args));
        // oxlint-disable-next-line no-useless-call -- a reference into the isolate, not a function
        if (!ended) await settle?.apply(undefined, [Number(id), reply]);
      };
      // It rejects when the script ended meanwhile; that is told by the script's own outcome.
      settled().catch(() => undefined);
    };

    const work = async (): Promise<RunOutcome> => {
      const context = await isolate.createContext();
      const entry = (await context.evalClosure(
        BOOTSTRAP,
        [
          new ivm.Callback(call, { ignored: true }),
          new ivm.Callback(log, { sync: true }),
          JSON.stringify(request.capabilities),
          request.name,
        ],
        { result: { reference: true } },
      )) as ivm.Reference<Entry>;
      settle = await entry.get('settle', { reference: true });
      const invoke = await entry.get('invoke', { reference: true });
      started.isolate = isolateMs();
      started.process = host.processorMs();

      const module = await isolate.compileModule(request.source, { filename: request.name });
      if (module.dependencySpecifiers.length > 0)
        return { kind: 'threw', message: importIssue(module.dependencySpecifiers).message };
      await module.instantiate(context, refuseImport);
      await module.evaluate();
      const exported = await defaultExport(module);
      if (exported === undefined) {
        return {
          kind: 'threw',
          message: 'The default export has no value: scripts cannot await at their top level',
        };
      }
      if (exported.typeof !== 'function') return { kind: 'threw', message: NO_DEFAULT.message };

      const answer: unknown = await invoke.apply(undefined, [exported.derefInto(), request.input], {
        result: { promise: true, copy: true },
      });
      const text = String(answer);
      const used = Math.round(usedMs());
      if (used > request.cpuMs) return { kind: 'exceeded', limit: 'cpu' };
      if (text.startsWith(ANSWER.returned))
        return { kind: 'returned', value: text.slice(1), cpuMs: Math.max(0, used) };
      if (text.startsWith(ANSWER.tooLarge)) return { kind: 'exceeded', limit: 'result_size' };
      return { kind: 'threw', message: text.slice(1) };
    };

    work().then(end, (error: unknown) => {
      // isolated-vm disposes of an isolate by itself for one reason only.
      if (isolate.isDisposed && !ended) exceed('memory');
      else {
        const { message, line, column } = compileIssue(error);
        end({
          kind: 'threw',
          message: line === undefined ? message : `${message} (${request.name}:${line}:${column})`,
        });
      }
    });
  });
