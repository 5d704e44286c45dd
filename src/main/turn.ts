import { setTimeout as delay } from 'node:timers/promises';
import { createStandbyDoor } from '../http/standby.ts';
import { newId } from '../kernel/ids.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';

/** How a server waits while another one is the writer of its database. */
export interface Turn {
  /** ms */
  readonly patienceMs: number;
  readonly sleep: (delayMs: number) => Promise<unknown>;
  /** Another one is. Called at most once. */
  readonly onHeld?: () => Promise<void>;
  /** It is our turn. */
  readonly come?: () => Promise<void>;
}

/** Three leases long: a writer that is gone is not taken for one that lives. */
export const impatient: Turn = { patienceMs: 30_000, sleep: delay };

/**
 * The turn of a server: by configuration it stands by for as long as it takes, at its own door, so that whoever sends
 * requests sees that it lives and is not ready.
 */
export const turnOf = (
  { config, version, stop }: Pick<CrucibleDeps, 'config' | 'version' | 'stop'>,
  closers: Closers,
): Turn => {
  const sleep = (delayMs: number): Promise<unknown> =>
    delay(delayMs, undefined, stop === undefined ? {} : { signal: stop });
  if (!config.standby) return { ...impatient, sleep };
  const door = createStandbyDoor({ version, newId });
  closers.add(() => door.close());
  return {
    patienceMs: Infinity,
    sleep,
    onHeld: async () => void (await door.listen(config)),
    come: () => door.close(),
  };
};
