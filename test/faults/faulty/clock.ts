/** Loaded before the server (`--import`): at SIGUSR2 its wall clock jumps. Timers go on as those of a real machine do. */
import { isMainThread } from 'node:worker_threads';
import { isServer } from './options.ts';

const HOUR_MS = 3_600_000;

if (isServer(isMainThread)) {
  const RealDate = Date;
  let shiftMs = 0;
  const now = (): number => RealDate.now() + shiftMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
  process.on('SIGUSR2', () => {
    shiftMs = shiftMs > 0 ? -HOUR_MS : HOUR_MS;
    process.stderr.write(`the clock jumped to ${shiftMs / HOUR_MS} h\n`);
  });
}
