import { buildEvent } from '../events/build.ts';
import type { NewEvent } from '../events/envelope.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Issue } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Role } from './grants.ts';
import { beyond, grantsOf } from './grants.ts';
import { generateKey, hashKey, parseKey } from './key-format.ts';
import type { RandomBytes } from './key-format.ts';
import type { KeyRing } from './key-ring.ts';
import type { KeyRow } from './key-row.ts';
import { KEY_CHANGED, KEY_TABLE, rowIdOf } from './key-row.ts';
import { parseScope } from './permission.ts';
import type { Principal } from './principal.ts';
import { WORLD_NAME } from './principal.ts';

/** A key as it may be shown: neither itself nor its hash. */
export type KeyView = Omit<KeyRow, 'hash' | 'revoked_at'>;

export interface NewKey {
  readonly name: string;
  readonly role: Role;
  readonly scopes?: readonly string[];
  readonly worlds?: readonly string[];
  /** Only of the role `agent`. */
  readonly agent?: string;
  /** ms since the epoch */
  readonly expires_at?: number;
}

/** Who asks: what it may do, and the worlds that its request sees (undefined: all). */
export interface KeyMaker {
  readonly principal: Principal;
  readonly worlds: readonly string[] | undefined;
}

/** As the log takes it; see `Idempotency` there. */
interface Once {
  readonly scope: string;
  readonly key: string;
  readonly hash: string;
}

/** What is written of the log here; `Log` is one. */
export interface KeyLog {
  append(request: {
    readonly events: readonly NewEvent[];
    readonly mutations: readonly (
      | { readonly op: 'create'; readonly table: string; readonly row: JsonObject & { readonly id: string } }
      | {
          readonly op: 'patch';
          readonly table: string;
          readonly id: string;
          readonly when: { readonly revoked_at: null };
          readonly set: JsonObject;
        }
    )[];
    readonly answer?: JsonObject;
    readonly idempotency?: Once;
  }): Promise<{ readonly duplicates: readonly boolean[]; readonly answer?: JsonObject }>;
}

export interface KeyService {
  /**
   * A key that can do no more than its maker: no permission, no world and no moment beyond.
   * @returns the key itself this once; null for a repeat under the same idempotency key
   * @throws CrucibleError `invalid`, `forbidden`
   */
  create(
    input: NewKey,
    maker: KeyMaker,
    options?: { readonly idempotency?: Once },
  ): Promise<{ readonly view: KeyView; readonly key: string | null }>;
  /** Those that were not revoked and open no world but the maker's, in the order of ids. */
  list(
    maker: KeyMaker,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly KeyView[]>;
  /** From when this resolves, the key opens nothing. @throws CrucibleError `not_found` */
  revoke(id: string, maker: KeyMaker): Promise<void>;
}

const viewOf = ({ hash: _hash, revoked_at: _revoked, ...view }: KeyRow): KeyView => view;

/** A key that opens a world which the maker does not see is not the maker's business. */
const isWithin = (worlds: readonly string[] | null, maker: KeyMaker): boolean => {
  const { worlds: visible } = maker;
  if (visible === undefined) return true;
  return worlds !== null && worlds.every((world) => visible.includes(world));
};

/** What is wrong with an input in itself. */
const issuesOf = (input: NewKey, now: number): readonly Issue[] => {
  const issues: Issue[] = [];
  for (const [i, scope] of (input.scopes ?? []).entries()) {
    const parsed = parseScope(scope);
    if (parsed === undefined) {
      issues.push({
        path: `scopes.${i}`,
        message: `${JSON.stringify(scope)} is not a scope`,
        hint: 'Write resource:action, such as event:read, memory:* or hook:read:notify.',
      });
      continue;
    }
    const { permissions, limited } = grantsOf(input.role, [scope]);
    if (permissions.size + limited.size === 0) {
      issues.push({
        path: `scopes.${i}`,
        message: `The role ${input.role} does not hold ${scope}: scopes narrow a role, and add nothing to it`,
      });
    }
  }
  for (const [i, world] of (input.worlds ?? []).entries()) {
    if (!WORLD_NAME.test(world))
      issues.push({ path: `worlds.${i}`, message: `${JSON.stringify(world)} is not the name of a world` });
  }
  if (input.agent !== undefined && input.role !== 'agent')
    issues.push({ path: 'agent', message: 'Only keys of the role agent speak for an agent' });
  if (input.expires_at !== undefined && input.expires_at <= now)
    issues.push({ path: 'expires_at', message: 'This time has passed already' });
  return issues;
};

/** What the key would hold beyond its maker; each with its place. */
const excessOf = (row: KeyRow, maker: KeyMaker, makerRow: KeyRow | undefined): readonly Issue[] => {
  const issues: Issue[] = [];
  const { permissions, limited = new Map() } = maker.principal;
  const more = beyond(grantsOf(row.role, row.scopes ?? undefined), { permissions, limited });
  if (more.length > 0) {
    issues.push({
      path: row.scopes === null ? 'role' : 'scopes',
      message: `These credentials do not hold ${more.slice(0, 5).join(', ')}${more.length > 5 ? ` and ${more.length - 5} more` : ''}`,
      hint: 'A key can do no more than its maker: narrow it by scopes.',
    });
  }
  if (!isWithin(row.worlds, maker))
    issues.push({ path: 'worlds', message: 'These credentials do not open all of these worlds' });
  const ends = makerRow?.expires_at ?? null;
  if (ends !== null && (row.expires_at === null || row.expires_at > ends))
    issues.push({
      path: 'expires_at',
      message: 'The key would outlive the key that makes it',
      hint: `Give a time up to ${new Date(ends).toISOString()}.`,
    });
  if (makerRow !== undefined && makerRow.agent !== null && row.agent !== makerRow.agent)
    issues.push({ path: 'agent', message: `These credentials speak for the agent ${makerRow.agent} only` });
  return issues;
};

/** The service of API keys: made, listed and revoked through the log, looked up in the ring. */
export const createKeyService = (deps: {
  readonly log: KeyLog;
  readonly ring: KeyRing;
  readonly now: () => number;
  readonly newId: NewId;
  readonly random: RandomBytes;
  readonly logger: Logger;
}): KeyService => {
  const { log, ring, newId } = deps;

  /** That access has changed, by whom and when; not what the key is. */
  const changed = (id: string): NewEvent => {
    const origin = currentOrigin();
    if (origin === undefined) throw new CrucibleError('internal', 'a key was changed outside of any request');
    const payload = { component: 'access', keys: [`keys.${id}`] };
    return buildEvent({ type: KEY_CHANGED, payload, subject: id }, origin, { newId });
  };

  const newRow = (input: NewKey, text: string, maker: KeyMaker): KeyRow => {
    const worlds = input.worlds ?? maker.worlds;
    const makerRow = ring.get(maker.principal.id);
    return {
      id: rowIdOf(parseKey(text)?.id ?? ''),
      hash: hashKey(text).toString('hex'),
      name: input.name,
      role: input.role,
      scopes: input.scopes === undefined ? null : [...new Set(input.scopes)],
      worlds: worlds === undefined ? null : [...new Set(worlds)],
      agent: input.agent ?? null,
      expires_at: input.expires_at ?? makerRow?.expires_at ?? null,
      created_at: deps.now(),
      created_by: maker.principal.id,
      last_used_at: null,
      revoked_at: null,
    };
  };

  return {
    async create(input, maker, options = {}) {
      const issues = issuesOf(input, deps.now());
      if (issues.length > 0) throw new CrucibleError('invalid', 'The key is not valid', { issues });
      const key = generateKey(deps.random);
      const row = newRow(input, key, maker);
      const excess = excessOf(row, maker, ring.get(maker.principal.id));
      if (excess.length > 0) {
        throw new CrucibleError('forbidden', 'A key can do no more than its maker', { issues: excess });
      }
      const { duplicates, answer } = await log.append({
        events: [changed(row.id)],
        mutations: [{ op: 'create', table: KEY_TABLE.name, row }],
        answer: { key: viewOf(row) },
        ...options,
      });
      if (duplicates[0] === true) return { view: answer?.['key'] as unknown as KeyView, key: null };
      deps.logger.info({ key_id: row.id, role: row.role, by: row.created_by }, 'an API key was made');
      return { view: viewOf(row), key };
    },

    async list(maker, { after, limit }) {
      const found: KeyView[] = [];
      for (const row of ring.list(after === undefined ? {} : { after })) {
        if (!isWithin(row.worlds, maker)) continue;
        found.push(viewOf(row));
        if (found.length === limit) break;
      }
      return found;
    },

    async revoke(id, maker) {
      const missing = (): CrucibleError => new CrucibleError('not_found', `There is no key ${id}`);
      const row = ring.get(id);
      if (row?.revoked_at !== null || !isWithin(row.worlds, maker)) throw missing();
      try {
        await log.append({
          events: [changed(id)],
          mutations: [
            {
              op: 'patch',
              table: KEY_TABLE.name,
              id,
              when: { revoked_at: null },
              set: { revoked_at: deps.now() },
            },
          ],
        });
      } catch (error) {
        // Another request has revoked it first.
        if (isCrucibleError(error, 'conflict')) throw missing();
        throw error;
      }
      deps.logger.info({ key_id: id, by: maker.principal.id }, 'an API key was revoked');
    },
  };
};
