import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WORLDS } from './arbitraries.ts';
import type { FromChild, ToChild } from './child.ts';
import type { Real } from './commands.ts';
import { rootOf } from './operations.ts';
import type { Snapshot } from './services.ts';
import { stateOf } from './state.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

type Answer = Extract<FromChild, { readonly n: number }>;

/**
 * The services in a process that can be killed. States: none --a request--> opening -> open --killAfter--> dying -> none.
 * What is asked while it dies is answered as killed.
 */
export const openChild = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'crucible-agreement-'));
  for (const world of WORLDS) await mkdir(rootOf(directory, world));
  const waiting = new Map<number, PromiseWithResolvers<Answer | undefined>>();
  let child: ChildProcess | undefined;
  let opened: Promise<void> | undefined;
  let ended: Promise<void> = Promise.resolve();
  let dying = false;
  let commitsLeft: number | undefined;
  let last = 0;
  const counts = { kills: 0, cutOff: 0, answered: 0, refused: 0 };

  const kill = (): void => {
    commitsLeft = undefined;
    if (child?.kill('SIGKILL') === true) counts.kills += 1;
  };

  const open = (): Promise<void> =>
    (opened ??= (async () => {
      await ended;
      dying = false;
      const started = fork(CHILD, [directory], { execArgv: ['--no-node-snapshot'], stdio: 'inherit' });
      child = started;
      const ready = Promise.withResolvers<void>();
      started.on('message', (message: FromChild) => {
        if ('open' in message) ready.resolve();
        else if ('commit' in message) {
          if (commitsLeft === undefined) return;
          commitsLeft -= 1;
          if (commitsLeft <= 0) kill();
        } else if ('broken' in message) ready.reject(new Error(message.broken));
        else {
          const { n } = message;
          waiting.get(n)?.resolve(message);
          waiting.delete(n);
        }
      });
      const over = Promise.withResolvers<void>();
      ended = over.promise;
      started.once('exit', (code, signal) => {
        child = undefined;
        opened = undefined;
        commitsLeft = undefined;
        ready.reject(new Error(`the process ended with ${code ?? signal}`));
        const broken = new Error(`the process ended with ${code ?? signal}, which nobody asked for`);
        for (const { resolve, reject } of waiting.values())
          if (signal === 'SIGKILL') resolve(undefined);
          else reject(broken);
        counts.cutOff += waiting.size;
        waiting.clear();
        over.resolve();
      });
      await ready.promise;
    })());

  const ask = async (message: (n: number) => ToChild): Promise<Answer | undefined> => {
    if (dying && child?.connected !== true) return undefined;
    await open();
    last += 1;
    const answer = Promise.withResolvers<Answer | undefined>();
    waiting.set(last, answer);
    // It may be dead by now; then its end is the answer.
    child?.send(message(last), () => undefined);
    const given = await answer.promise;
    if (given !== undefined && 'failed' in given) throw new Error(given.failed);
    return given;
  };

  const real: Real = {
    async perform(operation) {
      const answer = await ask((n) => ({ n, operation }));
      if (answer === undefined) return undefined;
      counts['done' in answer ? 'answered' : 'refused'] += 1;
      return 'done' in answer ? answer.done : undefined;
    },
    async killAfter(commits) {
      await open();
      dying = true;
      commitsLeft = commits;
      if (commits === 0) setImmediate(kill);
      return undefined;
    },
    async endKill() {
      if (!dying) return;
      // There were fewer commits than that.
      kill();
      await ended;
      dying = false;
    },
    async snapshot(): Promise<Snapshot> {
      const answer = await ask((n) => ({ n, snapshot: true }));
      if (answer === undefined || !('snapshot' in answer)) throw new Error('there is no snapshot');
      return { ...answer.snapshot, stored: stateOf(answer.snapshot.stored) };
    },
  };

  return {
    real,
    counts,
    async [Symbol.asyncDispose]() {
      child?.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
};
