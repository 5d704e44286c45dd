import type { ServerResponse } from 'node:http';
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Permission } from '../access/permission.ts';
import { CrucibleError } from '../kernel/errors.ts';

/** `perWindow` requests in each window, and `burst` more within ten windows. */
export interface RateRule {
  readonly perWindow: number;
  readonly windowMs: number;
  readonly burst: number;
}

/** Undefined: no limit. */
export interface RateRules {
  /** Of an address, before its credentials are judged. */
  readonly ip: RateRule | undefined;
  /** Failed credentials of an address. */
  readonly authFailures: RateRule | undefined;
  /** Of a principal. */
  readonly read: RateRule | undefined;
  readonly write: RateRule | undefined;
  readonly execute: RateRule | undefined;
}

/** What a route needs says what it costs. */
type RouteClass = 'read' | 'write' | 'execute';

const classOf = (permission: Permission | 'public'): RouteClass => {
  if (permission === 'public' || permission.endsWith(':read')) return 'read';
  return permission.endsWith(':execute') ? 'execute' : 'write';
};

const BURST_WINDOWS = 10;

interface Limit {
  /**
   * Takes `points`, and says on the answer what is left.
   * @throws CrucibleError `rate_limited` with the time after which there are some again
   */
  take(res: ServerResponse, who: string, points: number): Promise<void>;
}

/** Whole seconds, at least one, never too early. */
const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000));

/** Adds an item to a list header (RFC 9651): several limits may hold for one request. */
const append = (res: ServerResponse, name: string, item: string): void => {
  if (res.headersSent) return;
  const before = res.getHeader(name);
  res.setHeader(name, typeof before === 'string' ? `${before}, ${item}` : item);
};

const limitOf = (name: string, rule: RateRule, refusal: string): Limit => {
  const sustained = new RateLimiterMemory({
    keyPrefix: name,
    points: rule.perWindow,
    duration: rule.windowMs / 1000,
  });
  const limiter =
    rule.burst === 0
      ? sustained
      : new BurstyRateLimiter(
          sustained,
          new RateLimiterMemory({
            keyPrefix: `${name}-burst`,
            points: rule.burst,
            duration: (rule.windowMs * BURST_WINDOWS) / 1000,
          }),
        );
  const policy = `"${name}";q=${rule.perWindow};w=${rule.windowMs / 1000}`;

  const tell = (res: ServerResponse, left: RateLimiterRes): void => {
    append(res, 'RateLimit-Policy', policy);
    append(res, 'RateLimit', `"${name}";r=${left.remainingPoints};t=${seconds(left.msBeforeNext)}`);
  };
  return {
    async take(res, who, points) {
      let left: RateLimiterRes;
      try {
        left = await limiter.consume(who, points);
      } catch (rejected) {
        if (!(rejected instanceof RateLimiterRes)) throw rejected;
        tell(res, rejected);
        const never = points > Math.max(rule.perWindow, rule.burst);
        throw new CrucibleError('rate_limited', refusal, {
          hint: never
            ? `A request may hold ${Math.max(rule.perWindow, rule.burst)} calls at most: send fewer in one.`
            : 'Wait for Retry-After. The limits are settings of the server.',
          retryAfterMs: rejected.msBeforeNext,
        });
      }
      tell(res, left);
    },
  };
};

const FREE: Limit = { take: () => Promise.resolve() };

/** How often whom is let in. Counts are kept in this process. */
export interface RateLimits {
  /** Before anything is judged. @param client see `clientOf` @throws CrucibleError `rate_limited` */
  ofAddress(res: ServerResponse, client: string, calls: number): Promise<void>;
  /** Once it is known who asks, and for what. @throws CrucibleError `rate_limited` */
  ofPrincipal(
    res: ServerResponse,
    principalId: string,
    needed: readonly (Permission | 'public')[],
  ): Promise<void>;
  /** After credentials have failed; good ones of the same address are not counted, and not kept out. @throws CrucibleError `rate_limited` */
  ofFailure(res: ServerResponse, client: string): Promise<void>;
}

export const createRateLimits = (rules: RateRules): RateLimits => {
  const limit = (name: string, rule: RateRule | undefined, refusal: string): Limit =>
    rule === undefined ? FREE : limitOf(name, rule, refusal);
  const ip = limit('ip', rules.ip, 'Too many requests from this address');
  const failures = limit('auth', rules.authFailures, 'Too many failed attempts from this address');
  const classes: Readonly<Record<RouteClass, Limit>> = {
    read: limit('read', rules.read, 'Too many reads with these credentials'),
    write: limit('write', rules.write, 'Too many writes with these credentials'),
    execute: limit('execute', rules.execute, 'Too many actions with these credentials'),
  };
  return {
    ofAddress: (res, client, calls) => ip.take(res, client, calls),
    ofFailure: (res, client) => failures.take(res, client, 1),
    async ofPrincipal(res, principalId, needed) {
      const counts = new Map<RouteClass, number>();
      for (const permission of needed) {
        const kind = classOf(permission);
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
      for (const [kind, points] of counts) await classes[kind].take(res, principalId, points);
    },
  };
};
