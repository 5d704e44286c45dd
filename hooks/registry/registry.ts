import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import { buildEvent } from '../../src/events/build.ts';
import type { Catalogue } from '../../src/events/catalogue.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { currentOrigin } from '../../src/kernel/context.ts';
import { CrucibleError, isCrucibleError, type Issue } from '../../src/kernel/errors.ts';
import { canonicalJson } from '../../src/kernel/hash.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { NewId } from '../../src/kernel/ids.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import type { AppendRequest, Idempotency, Log } from '../../src/log/log.ts';
import type { HookView } from '../service.ts';
import { formatIssue } from '../validate.ts';
import { errorsOf, registeredPayload, registration, removal, type Wanted } from './change.ts';
import { definitionFrom, errorsAsJson, hookFrom, HOOK_TABLE, viewOf, type HookRow } from './row.ts';
import { targetId, targetOf } from './target.ts';

export interface RegistryDeps {
  readonly log: Pick<Log, 'append' | 'records'>;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly newId: NewId;
  /** For changes that no request makes: those of files. A new story each time. */
  readonly systemOrigin: () => Origin;
}

/** The registered hooks, over the log: reads, and changes that hold for the very next event. */
export interface HookRegistry {
  row(name: string): Promise<HookRow | undefined>;
  rows(page: { readonly after?: string; readonly limit: number }): Promise<readonly HookRow[]>;
  views(rows: readonly HookRow[]): Promise<readonly HookView[]>;
  /**
   * Decides on the row as it is and registers, again if somebody else was faster.
   * @param decide undefined: leave it as it is
   * @param idempotency a repeat changes nothing and gives the first one's answer
   * @throws CrucibleError what `decide` throws, and those of `Log.append`
   */
  set(
    name: string,
    decide: (before: HookRow | undefined) => Promise<Wanted | undefined>,
    idempotency?: Idempotency,
  ): Promise<HookView>;
  /** @throws CrucibleError `already_exists`, and those of `Log.append` */
  create(wanted: Wanted, idempotency: Idempotency | undefined): Promise<HookView>;
  /** @throws CrucibleError what `check` throws, and those of `Log.append`; nothing happens where there is no row */
  remove(name: string, reason: 'removed' | 'file_deleted', check: (row: HookRow) => void): Promise<void>;
  /**
   * Keeps what is wrong with a file: on the row of the hook whose last good version runs on, and as a `system.error`.
   * Without issues the row is cleared.
   */
  report(file: string, hook: string | undefined, issues: readonly Issue[]): Promise<void>;
}

/** How often a change is decided anew because the row had changed under it. */
const MAX_TRIES = 5;

/** How many issues an event tells; a view has them all. */
const MAX_TOLD = 20;

export const createHookRegistry = ({
  log,
  catalogue,
  clock,
  newId,
  systemOrigin,
}: RegistryDeps): HookRegistry => {
  const { records } = log;
  const origin = (): Origin => currentOrigin() ?? systemOrigin();

  const row = async (name: string): Promise<HookRow | undefined> => {
    const found = await records.get(HOOK_TABLE.name, name);
    return found === undefined ? undefined : hookFrom(found);
  };

  const views = async (rows: readonly HookRow[]): Promise<readonly HookView[]> => {
    const hashes = [...new Set(rows.map(({ hash }) => hash))];
    const stored = await records.getMany(DEFINITION_TABLE.name, hashes);
    const definitions = new Map(stored.map((definition) => [definition.id, definitionFrom(definition)]));
    return rows.map((hook) => {
      const definition = definitions.get(hook.hash);
      if (definition === undefined)
        throw new Error(`hook ${hook.id}: its definition ${hook.hash} is not stored`);
      return viewOf(hook, definition);
    });
  };

  const viewOfName = async (name: string): Promise<HookView> => {
    const found = await row(name);
    const [view] = found === undefined ? [] : await views([found]);
    if (view === undefined) throw noSuchHook(name);
    return view;
  };

  const registering = (wanted: Wanted, before: HookRow | undefined, now = clock.now()): AppendRequest => {
    const { definition } = wanted;
    const event = buildEvent(
      { type: 'hook.registered', subject: targetId(definition.name), payload: registeredPayload(wanted) },
      origin(),
      { newId, catalogue },
    );
    const target = targetOf(definition, wanted, catalogue);
    return registration(wanted, before, { event, target, now });
  };

  return {
    row,
    rows: async (page) => (await records.list(HOOK_TABLE.name, page)).map(hookFrom),
    views,
    set: (name, decide, idempotency) =>
      unlessOvertaken(async () => {
        const before = await row(name);
        const wanted = await decide(before);
        const stays = wanted === undefined || (before !== undefined && isSame(before, wanted));
        if (idempotency === undefined) {
          if (!stays) await log.append(registering(wanted, before));
          return viewOfName(name);
        }
        // The answer goes into the commit, so it is made before.
        const now = clock.now();
        const view = stays ? await viewOfName(name) : viewOf(rowOf(wanted, before, now), wanted.definition);
        const { answer } = await log.append({
          ...(stays ? { events: [] } : registering(wanted, before, now)),
          idempotency,
          answer: { hook: JSON.parse(JSON.stringify(view)) as JsonObject },
        });
        return (answer?.['hook'] ?? view) as unknown as HookView;
      }),
    create: async (wanted, idempotency) => {
      const { name } = wanted.definition;
      try {
        // The log itself says whether there is one: a repeat is answered before that is looked at.
        await log.append({
          ...registering(wanted, undefined),
          ...(idempotency === undefined ? {} : { idempotency }),
        });
      } catch (error) {
        if (!isCrucibleError(error, 'already_exists')) throw error;
        throw new CrucibleError('already_exists', `there is a hook \`${name}\` already`, {
          hint: 'PUT replaces it',
        });
      }
      return viewOfName(name);
    },
    remove: (name, reason, check) =>
      unlessOvertaken(async () => {
        const before = await row(name);
        if (before === undefined) return;
        check(before);
        const [view] = await views([before]);
        const version = view?.definition.version ?? '';
        const payload = { hook: name, hash: before.hash, version, file: before.file, reason };
        const event = buildEvent({ type: 'hook.unregistered', subject: targetId(name), payload }, origin(), {
          newId,
          catalogue,
        });
        await log.append(removal(before, event));
      }),
    report: (file, hook, issues) =>
      unlessOvertaken(async () => {
        const before = hook === undefined ? undefined : await row(hook);
        const [first] = issues;
        if (first === undefined && before === undefined) return;
        const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
        const detail = {
          file,
          ...(hook !== undefined && { hook }),
          issues: errorsAsJson(issues.slice(0, MAX_TOLD)),
        };
        const events =
          first === undefined
            ? []
            : [
                buildEvent(
                  {
                    type: 'system.error',
                    subject: hook === undefined ? null : targetId(hook),
                    payload: {
                      component: 'hooks',
                      code: 'invalid',
                      message: `${formatIssue(file, first)}${more}`,
                      detail,
                    },
                  },
                  origin(),
                  { newId, catalogue },
                ),
              ];
        await log.append(errorsOf(before, errorsAsJson(issues), events));
      }),
  };
};

export const noSuchHook = (name: string): CrucibleError =>
  new CrucibleError('not_found', `there is no hook \`${name.slice(0, 100)}\``, {
    hint: 'GET /api/v1/hooks lists them',
  });

/** The row as it stands once this is registered. */
const rowOf = (
  { definition, hash, enabled, file, errors }: Wanted,
  before: HookRow | undefined,
  now: number,
): HookRow => ({
  id: definition.name,
  hash,
  enabled,
  worlds: definition.worlds,
  file,
  errors,
  created_at: before?.created_at ?? now,
  updated_at: now,
});

const isSame = (before: HookRow, wanted: Wanted): boolean =>
  before.hash === wanted.hash &&
  before.enabled === wanted.enabled &&
  before.file === wanted.file &&
  canonicalJson(before.errors) === canonicalJson(wanted.errors);

const unlessOvertaken = async <T>(change: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await change();
    } catch (error) {
      if (!isCrucibleError(error, 'conflict') || tries === MAX_TRIES) throw error;
    }
  }
};
