import type { EventSource } from '../kernel/origin.ts';
import type { Role } from './grants.ts';
import { grantsOf } from './grants.ts';
import type { Principal } from './principal.ts';

/**
 * An API key at rest: everything but the key. A type, not an interface, so that it is a row of the log's store. Times
 * are ms since the epoch.
 */
export type KeyRow = {
  /** `key_` and the id that stands in the key itself. */
  readonly id: string;
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
  readonly name: string;
  readonly role: Role;
  /** What the role is narrowed to; null: the whole role. */
  readonly scopes: readonly string[] | null;
  /** The default one first; null: all. */
  readonly worlds: readonly string[] | null;
  /** The agent that speaks with this key. */
  readonly agent: string | null;
  readonly expires_at: number | null;
  readonly created_at: number;
  /** The principal that made it. */
  readonly created_by: string;
  /** Coarse: at most one write a minute. */
  readonly last_used_at: number | null;
  readonly revoked_at: number | null;
};

export const KEY_TABLE = { name: 'key', indexes: [] } as const;

/** Under which id a key is kept. @param id the one in its text */
export const rowIdOf = (id: string): string => `key_${id}`;

export const isKeyId = (text: string): boolean => /^key_[0-9A-Za-z]{12}$/.test(text);

/** Tells that a key was made or revoked; its subject is the key's id. */
export const KEY_CHANGED = 'system.config_changed';

/** Rows of our table are written by this folder alone, so their shape is known. */
export const asKeyRow = (row: { readonly id: string }): KeyRow => row as unknown as KeyRow;

/** Who acts with this key: the agent that it is bound to, else the key. */
const identityOf = (row: KeyRow): { readonly actor: string; readonly source: EventSource } =>
  row.agent === null
    ? { actor: `key:${row.id}`, source: { kind: 'external', integration: row.name } }
    : { actor: `agent:${row.agent}`, source: { kind: 'agent', agent_id: row.agent } };

export const principalOf = (row: KeyRow): Principal => ({
  id: row.id,
  ...identityOf(row),
  worlds: row.worlds ?? undefined,
  ...grantsOf(row.role, row.scopes ?? undefined),
  ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
});
