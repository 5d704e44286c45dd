import type { Issue } from '../src/kernel/errors.ts';
import type { Idempotency } from '../src/log/log.ts';
import type { HookDefinition } from './definition.ts';

/** A hook as reads show it. */
export interface HookView {
  readonly id: string;
  readonly definition: HookDefinition;
  /** Content hash of the definition. */
  readonly hash: string;
  readonly enabled: boolean;
  /** The file it lives in, relative to its hook directory; null: made through the API. */
  readonly file: string | null;
  /** Why the newest version of its file was refused; the last good one keeps running. Empty: nothing is wrong. */
  readonly errors: readonly Issue[];
  /** ms since the epoch */
  readonly created_at: number;
  readonly updated_at: number;
}

/** What the caller may see. */
export interface HookScope {
  /** undefined: every world. A hook of other worlds only is not found. */
  readonly worlds?: readonly string[] | undefined;
}

export interface HookWriteOptions extends HookScope {
  readonly allowShell: boolean;
}

export interface HookService {
  /**
   * A repeat under the same idempotency key answers the hook that the first one made.
   * @throws CrucibleError `invalid`, `already_exists`, `egress_denied`; shell actions are refused (`forbidden`) unless `allowShell`
   */
  create(
    input: unknown,
    options: HookWriteOptions & { readonly idempotency?: Idempotency },
  ): Promise<HookView>;
  /** @throws CrucibleError `invalid`, `not_found`, `managed_by_file` */
  replace(id: string, input: unknown, options: HookWriteOptions): Promise<HookView>;
  /** @throws CrucibleError `not_found`, `managed_by_file` */
  remove(id: string, scope?: HookScope): Promise<void>;
  /** @throws CrucibleError `not_found` (also in a world that the caller cannot see) */
  get(id: string, scope?: HookScope): Promise<HookView>;
  /** In the order of names. */
  list(page: { readonly after?: string; readonly limit: number } & HookScope): Promise<readonly HookView[]>;
  /**
   * Of a hook in a file it holds until the file's own `enabled` changes. A repeat under the same idempotency key changes
   * nothing.
   * @throws CrucibleError `not_found`
   */
  setEnabled(
    id: string,
    enabled: boolean,
    options?: HookScope & { readonly idempotency?: Idempotency },
  ): Promise<HookView>;
  /** Everything that is wrong with a hook file's text, or with a definition as an object. Empty: nothing. */
  validate(
    input: { readonly text: string; readonly file: string } | { readonly definition: unknown },
  ): Promise<readonly Issue[]>;
}
