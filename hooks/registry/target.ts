import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import type { Target } from '../../src/dispatch/target.ts';
import type { Catalogue } from '../../src/events/catalogue.ts';
import { compileFilters } from '../../src/events/filters/index.ts';
import { isCrucibleError, messageOf } from '../../src/kernel/errors.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import type { Records } from '../../src/log/records.ts';
import type { HookDefinition } from '../definition.ts';
import { matchingFilters } from './filters.ts';
import { definitionFrom, hookFrom, HOOK_TABLE } from './row.ts';

/** The id of a hook's target, also the subject of its events. */
export const targetId = (name: string): string => `hook:${name}`;

/** A hook as matching sees it. @throws CrucibleError `invalid` where its filters do not compile */
export const targetOf = (
  definition: HookDefinition,
  { hash, enabled }: { readonly hash: string; readonly enabled: boolean },
  catalogue: Catalogue,
): Target => ({
  id: targetId(definition.name),
  kind: 'hook',
  worlds: definition.worlds,
  filters: compileFilters(matchingFilters(definition), catalogue),
  enabled,
  paused: false,
  definition: hash,
});

const PAGE = 500;

/**
 * Every registered hook as a target, at start-up, before the first event is matched. A hook of an older release that no
 * longer compiles is left out and told of in the log: it must not keep the others, or the server, from running.
 */
export const loadTargets = async (
  records: Records,
  { catalogue, logger }: { readonly catalogue: Catalogue; readonly logger: Logger },
): Promise<readonly Target[]> => {
  const targets: Target[] = [];
  let after: string | undefined;
  for (;;) {
    const rows = await records.list(HOOK_TABLE.name, { limit: PAGE, ...(after !== undefined && { after }) });
    const hooks = rows.map(hookFrom);
    const hashes = [...new Set(hooks.map(({ hash }) => hash))];
    const definitions = new Map(
      (await records.getMany(DEFINITION_TABLE.name, hashes)).map((row) => [row.id, definitionFrom(row)]),
    );
    for (const hook of hooks) {
      const definition = definitions.get(hook.hash);
      if (definition === undefined)
        throw new Error(`hook ${hook.id}: its definition ${hook.hash} is not stored`);
      try {
        targets.push(targetOf(definition, hook, catalogue));
      } catch (error) {
        if (!isCrucibleError(error)) throw error;
        logger.error({ hook: hook.id, issues: error.issues }, `the hook cannot run: ${messageOf(error)}`);
      }
    }
    after = rows.at(-1)?.id;
    if (rows.length < PAGE || after === undefined) return targets;
  }
};
