import { setTimeout as delay } from 'node:timers/promises';
import type { SmallDoor } from '../http/small-door.ts';
import { createStandbyDoor } from '../http/standby.ts';
import { probeLeader, type Probed } from '../internal/probe.ts';
import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { LogStore } from '../log/store.ts';
import type { Closers } from './closers.ts';
import { openFollowing, type Followed, type Following, type FollowingDeps } from './open-following.ts';
import type { Turn } from './turn.ts';

/** How often it is looked whether somebody else writes by now. ms */
const LOOK_MS = 1_000;
/** How long one that writes has to say so before a session is begun with it. ms */
const PROBE_TIMEOUT_MS = 1_000;

const NO_KEY = 'the server that writes has no CRUCIBLE_INTERNAL_KEY: it cannot be followed';
const PROBLEMS: Readonly<Record<Probed, string | undefined>> = {
  serving: undefined,
  not_serving: 'the server that writes is not ready to be followed',
  another_key: 'the server that writes has another CRUCIBLE_INTERNAL_KEY: it cannot be followed',
  away: 'the server that writes cannot be reached where it says (its CRUCIBLE_INTERNAL_URL): it cannot be followed',
};

/**
 * How a server with a key for others waits while another one writes:
 *
 *     waiting (the door says that it stands by) --the writer can be followed--> following --session over--> waiting
 *     waiting --the lease is free--> it is our turn
 *
 * The lease is tried before each session, and each second without one.
 */
export const followingTurn = (
  deps: FollowingDeps,
  store: Pick<LogStore, 'leader'>,
  { onFollowing, closers }: { readonly onFollowing: (url: string) => void; readonly closers: Closers },
): Turn => {
  const { config, version, logger, stop } = deps;
  let door: SmallDoor | undefined;
  /** Why nobody is followed: said once, however long it is so. */
  let told: string | undefined;
  const openDoor = async (): Promise<void> => {
    if (door !== undefined) return;
    door = createStandbyDoor({ version, newId });
    await door.listen(config);
  };
  const closeDoor = async (): Promise<void> => {
    const open = door;
    door = undefined;
    await open?.close();
  };
  closers.add(closeDoor);

  const sleep = (delayMs: number): Promise<unknown> =>
    delay(delayMs, undefined, stop === undefined ? {} : { signal: stop });

  /** Undefined: nobody who could be followed. */
  const look = async (): Promise<Followed | undefined> => {
    const record = await store.leader().catch((error: unknown) => {
      logger.warn({ problem: messageOf(error) }, 'the database could not say who writes');
      return undefined;
    });
    if (record === undefined || record.leaseMs <= 0) return undefined;
    if (record.url !== null) return { url: record.url, epoch: record.epoch };
    if (told !== NO_KEY) logger.warn({}, NO_KEY);
    told = NO_KEY;
    return undefined;
  };

  /** A session waits for one that may come back; the lease must be tried meanwhile. */
  const isServing = async (url: string): Promise<boolean> => {
    const probed = await probeLeader({ url, key: deps.internalKey, timeoutMs: PROBE_TIMEOUT_MS });
    const problem = PROBLEMS[probed];
    if (problem !== undefined && problem !== told)
      logger[probed === 'another_key' ? 'error' : 'warn']({ url }, problem);
    told = problem;
    return probed === 'serving';
  };

  /** Resolves when another one writes; never rejects. What cannot be looked at is looked at again. */
  const replaced = async ({ url }: Followed, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
      const now = await look();
      if (now !== undefined && now.url !== url) return;
    }
  };

  const begin = async (followed: Followed): Promise<Following | undefined> => {
    try {
      return await openFollowing(deps, followed, closeDoor);
    } catch (error) {
      if (!isCrucibleError(error, 'fenced') && !isCrucibleError(error, 'log_unavailable')) throw error;
      logger.warn(
        { url: followed.url, problem: messageOf(error) },
        'the server that writes cannot be followed',
      );
      return undefined;
    }
  };

  /** @returns whether there was a session */
  const follow = async (): Promise<boolean> => {
    const followed = await look();
    if (followed === undefined || !(await isServing(followed.url))) return false;
    const following = await begin(followed);
    if (following === undefined) return false;
    onFollowing(following.url);
    const ended = new AbortController();
    const stopped = Promise.withResolvers<void>();
    const onStop = (): void => stopped.resolve();
    stop?.addEventListener('abort', onStop);
    if (stop?.aborted === true) onStop();
    try {
      const reason = await Promise.race([following.over, replaced(followed, ended.signal), stopped.promise]);
      if (reason !== undefined)
        logger.warn({ url: followed.url, problem: reason.message }, 'follows no more');
    } finally {
      stop?.removeEventListener('abort', onStop);
      ended.abort();
      await following.close();
    }
    return true;
  };

  return {
    patienceMs: Infinity,
    sleep: async (delayMs) => {
      stop?.throwIfAborted();
      if (await follow()) {
        stop?.throwIfAborted();
        await openDoor();
        return;
      }
      await openDoor();
      await sleep(delayMs);
    },
    come: closeDoor,
  };
};
