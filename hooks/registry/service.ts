import path from 'node:path';
import { CrucibleError, type Issue } from '../../src/kernel/errors.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { Egress } from '../../src/egress/egress.ts';
import { currentOrigin } from '../../src/kernel/context.ts';
import type { HookDefinition } from '../definition.ts';
import type { HookPlace } from '../file/inside.ts';
import type { HookScope, HookService, HookView, HookWriteOptions } from '../service.ts';
import { createHookValidator, hashOf, type Candidate } from '../validate.ts';
import type { FileHooks } from '../directory/file-hooks.ts';
import type { Wanted } from './change.ts';
import { createHookRegistry, noSuchHook, type RegistryDeps } from './registry.ts';
import type { HookRow } from './row.ts';

export interface HookServiceDeps extends RegistryDeps {
  readonly sandbox: Pick<Sandbox, 'check'>;
  readonly egress: Pick<Egress, 'check'>;
  /** The hook directory in which a file that is only validated is thought to lie. Absolute. */
  readonly directory: string;
}

/** Hooks through the API, and the registration of those in files ({@link FileHooks}), over one registry. */
export const createHookService = (deps: HookServiceDeps): HookService & FileHooks => {
  const registry = createHookRegistry(deps);
  const validator = createHookValidator(deps);
  const defaultWorlds = (): readonly string[] => [(currentOrigin() ?? deps.systemOrigin()).world];

  const visibleRow = async (id: string, worlds: readonly string[] | undefined): Promise<HookRow> => {
    const row = await registry.row(id);
    if (row === undefined || !isVisible(row, worlds)) throw noSuchHook(id);
    return row;
  };

  const viewOfRow = async (row: HookRow): Promise<HookView> => {
    const [view] = await registry.views([row]);
    if (view === undefined) throw noSuchHook(row.id);
    return view;
  };

  /** A valid hook out of what a client sent. */
  const accepted = async (input: unknown, options: HookWriteOptions): Promise<HookDefinition> => {
    const candidate = await validator.readObject(input, defaultWorlds());
    const worlds = foreignWorlds(candidate, options.worlds);
    const { issues, onlyEgress } = await validator.probe(candidate);
    if (candidate.draft?.action?.type === 'shell' && !options.allowShell)
      throw new CrucibleError(
        'forbidden',
        'shell actions are accepted from hook files, or with the permission hook:shell',
      );
    const all = [...issues, ...worlds];
    if (all.length === 0 && candidate.hook !== undefined) return candidate.hook.definition;
    if (onlyEgress && worlds.length === 0)
      throw new CrucibleError('egress_denied', 'the hook would send to an address that may not be reached', {
        issues: all,
      });
    throw new CrucibleError(
      'invalid',
      `the hook is not valid: ${all.length} ${all.length === 1 ? 'problem' : 'problems'}`,
      { issues: all },
    );
  };

  const wantedByApi = (definition: HookDefinition): Wanted => ({
    definition,
    hash: hashOf(definition),
    enabled: definition.enabled,
    file: null,
    errors: [],
  });

  return {
    create: async (input, options) => {
      const definition = await accepted(input, options);
      return registry.create(wantedByApi(definition), options.idempotency);
    },

    replace: async (id, input, options) => {
      refuseManaged(await visibleRow(id, options.worlds));
      const definition = await accepted(input, options);
      if (definition.name !== id)
        throw new CrucibleError('invalid', 'a hook keeps its name', {
          issues: [
            {
              path: 'name',
              message: `must be \`${id}\`, as in the address`,
              hint: 'make a new hook instead',
            },
          ],
        });
      return registry.set(id, async (before) => {
        if (before === undefined) throw noSuchHook(id);
        refuseManaged(before);
        return wantedByApi(definition);
      });
    },

    remove: async (id, scope) => {
      await visibleRow(id, scope?.worlds);
      await registry.remove(id, 'removed', refuseManaged);
    },

    get: async (id, scope) => viewOfRow(await visibleRow(id, scope?.worlds)),

    list: async ({ after, limit, worlds }) => {
      const found: HookRow[] = [];
      let last = after;
      while (found.length < limit) {
        const rows = await registry.rows({ limit, ...(last !== undefined && { after: last }) });
        found.push(...rows.filter((row) => isVisible(row, worlds)));
        last = rows.at(-1)?.id;
        if (rows.length < limit) break;
      }
      return registry.views(found.slice(0, limit));
    },

    setEnabled: async (id, enabled, { idempotency, ...scope } = {}) => {
      await visibleRow(id, scope.worlds);
      const decide = async (before: HookRow | undefined): Promise<Wanted> => {
        if (before === undefined) throw noSuchHook(id);
        const { definition } = await viewOfRow(before);
        // A file says what it says: only the row differs from it, until the file itself says otherwise.
        if (before.file !== null) {
          const { hash, file, errors } = before;
          return { definition, hash, enabled, file, errors };
        }
        return wantedByApi({ ...definition, enabled });
      };
      return registry.set(id, decide, idempotency);
    },

    validate: async (input) => {
      const candidate =
        'text' in input
          ? await validator.readText({
              text: input.text,
              place: placeOf(deps.directory, input.file),
              worlds: defaultWorlds(),
            })
          : await validator.readObject(input.definition, defaultWorlds());
      return (await validator.probe(candidate)).issues;
    },

    readFile: ({ text, root, file }) =>
      validator.readText({ text, place: placeOf(root, file), worlds: [deps.systemOrigin().world] }),
    probeFile: async (candidate) => (await validator.probe(candidate)).issues,
    storedHooks: async () => {
      const rows: HookRow[] = [];
      for (;;) {
        const after = rows.at(-1)?.id;
        const page = await registry.rows({ limit: 500, ...(after !== undefined && { after }) });
        rows.push(...page);
        if (page.length < 500) return rows;
      }
    },
    registerFile: async ({ definition, hash }, file) => {
      await registry.set(definition.name, async (before) => {
        if (before !== undefined && before.file === null) throw takenByApi(definition.name);
        const kept =
          before !== undefined && (await viewOfRow(before)).definition.enabled === definition.enabled;
        return { definition, hash, file, enabled: kept ? before.enabled : definition.enabled, errors: [] };
      });
    },
    unregisterFile: (name) =>
      registry.remove(name, 'file_deleted', (row) => {
        if (row.file === null) throw takenByApi(name);
      }),
    reportFile: (file, hook, issues) => registry.report(file, hook, issues),
  };
};

/** A hook can be seen from each of its worlds. */
const isVisible = (row: HookRow, worlds: HookScope['worlds']): boolean =>
  worlds === undefined || row.worlds.some((world) => worlds.includes(world));

const refuseManaged = (row: HookRow): void => {
  if (row.file === null) return;
  throw new CrucibleError('managed_by_file', `the hook \`${row.id}\` lives in the file ${row.file}`, {
    hint: 'edit or delete that file; it can be switched off by POST …/disable',
  });
};

const takenByApi = (name: string): CrucibleError =>
  new CrucibleError('already_exists', `a hook \`${name}\` was made through the API`, {
    hint: 'remove that hook, or give the file another name',
  });

/** A hook sees no world that its maker cannot see. */
const foreignWorlds = ({ draft }: Candidate, visible: readonly string[] | undefined): readonly Issue[] =>
  visible === undefined || draft === undefined
    ? []
    : draft.worlds.flatMap((world, index) =>
        visible.includes(world)
          ? []
          : [
              {
                path: `worlds.${index}`,
                message: `\`${world}\` is not one of the worlds of these credentials`,
              },
            ],
      );

/** A file that is only named must not lead anywhere: what is not a plain relative path counts as its last part. */
const placeOf = (root: string, file: string): HookPlace => {
  const parts = file.split(/[\\/]/);
  const plain = !path.isAbsolute(file) && !parts.includes('..') && !file.includes('\0');
  return { root, folder: plain ? path.join(root, path.dirname(file)) : root };
};
