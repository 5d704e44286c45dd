/**
 * The program of a runner process: no environment, no network use, one job at a time, JSON over the IPC channel. It
 * ends when its server does, and its server ends it whenever a script went too far.
 */
import { checkScript, runScript } from './isolate.ts';
import { LIMITS } from './limits.ts';
import type { FromRunner, ToRunner } from './protocol.ts';

const send = (message: FromRunner): void => {
  process.send?.(message);
};

const waiting = new Map<string, (reply: string) => void>();
let calls = 0;

const run = async (message: ToRunner & { type: 'run' }): Promise<void> => {
  const { job } = message;
  const outcome = await runScript(message, {
    call(name, args) {
      calls += 1;
      const call = calls;
      const { promise, resolve } = Promise.withResolvers<string>();
      waiting.set(`${job}.${call}`, resolve);
      send({ type: 'call', job, call, name, args });
      return promise;
    },
    log: (line) => send({ type: 'log', job, line }),
    residentBytes: () => process.memoryUsage.rss(),
    processorMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
  });
  for (const key of waiting.keys()) if (key.startsWith(`${job}.`)) waiting.delete(key);
  send({ type: 'done', job, outcome });
};

process.on('message', (message: ToRunner) => {
  switch (message.type) {
    case 'run':
      run(message).catch((error: unknown) => {
        // Only the isolate itself could not be made; the message names nothing of this machine.
        const text = error instanceof Error ? error.message : 'unknown';
        send({
          type: 'done',
          job: message.job,
          outcome: { kind: 'threw', message: text.slice(0, LIMITS.messageLength) },
        });
      });
      break;
    case 'check':
      checkScript(message.source, message.name).then(
        (issues) => send({ type: 'checked', job: message.job, issues }),
        (error: unknown) => {
          const text = error instanceof Error ? error.message : 'unknown';
          send({
            type: 'checked',
            job: message.job,
            issues: [{ path: '', message: text.slice(0, LIMITS.messageLength) }],
          });
        },
      );
      break;
    case 'reply': {
      const key = `${message.job}.${message.call}`;
      waiting.get(key)?.(message.reply);
      waiting.delete(key);
      break;
    }
  }
});

process.on('disconnect', () => process.exit(0));

send({ type: 'ready' });
