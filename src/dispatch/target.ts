import type { CompiledFilters } from '../events/compiled.ts';
import type { RunKind } from './run.ts';
import type { RegistryChange } from '../log/log.ts';

/** Something that reacts to events, as matching sees it. Hooks, webhooks, flows and agents each become one. */
export interface Target {
  /** `hook:<name>`, `webhook:<whk id>`, `flow:<name>`, `agent:<world>/<id>` */
  readonly id: string;
  readonly kind: RunKind;
  /** The worlds it sees; `*` in a filter never crosses them. */
  readonly worlds: readonly string[];
  readonly filters: CompiledFilters;
  /** False: its matched events are recorded as `skipped: disabled`. */
  readonly enabled: boolean;
  /** True: its runs are `held: paused`. */
  readonly paused: boolean;
  /** Content hash of the stored definition (`DEFINITION_TABLE`). */
  readonly definition: string;
}

/** The changes that the reactor of `dispatch` knows. */
export type TargetChange =
  | (RegistryChange & { readonly kind: 'target_set'; readonly target: Target })
  | (RegistryChange & { readonly kind: 'target_removed'; readonly id: string });
