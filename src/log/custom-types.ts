import { buildEvent } from '../events/build.ts';
import { catalogue } from '../events/catalogue.ts';
import { breakingChanges, compareVersions, versionParts } from '../events/custom-compatibility.ts';
import type { CompileSchema, CustomTypes, CustomVersion } from '../events/custom-types.ts';
import type { Clock } from '../kernel/clock.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { canonicalJson } from '../kernel/hash.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from './log.ts';
import type { Records, Row, TableDefinition } from './records.ts';

export const CUSTOM_TYPE_TABLE: TableDefinition = { name: 'custom_type', indexes: [] };

/** Of all types, and of one type: all are kept in memory, and none is ever removed. */
const MAX_TYPES = 500;
const MAX_VERSIONS = 100;
const PAGE = 200;

interface CustomTypeInput {
  /** `custom.<name>[.<name>…]`, in any accepted spelling. */
  readonly type: string;
  readonly version: string;
  /** JSON Schema (2020-12) of the payload. */
  readonly schema: JsonObject;
  readonly description?: string;
  readonly example?: JsonObject;
}

export interface CustomTypeService extends Pick<CustomTypes, 'versions' | 'newest' | 'judge'> {
  /**
   * From the answer on, payloads of this type must fit. The same version with the same schema again changes nothing.
   * @throws CrucibleError `reserved_type`, `unknown_event_type`, `invalid`; `conflict` for a version that is not above the
   *   newest one, and for a breaking change under the same major, with everything that breaks
   */
  register(input: CustomTypeInput): Promise<CustomVersion>;
}

const rowId = (type: string, version: string): string => `${type}@${version}`;

/** Takes over what was registered before, at start-up, before the first event is published. */
export const loadCustomTypes = async (
  records: Pick<Records, 'list'>,
  types: CustomTypes,
  logger: Logger,
): Promise<void> => {
  for (let after: string | undefined; ;) {
    const rows = await records.list(CUSTOM_TYPE_TABLE.name, {
      limit: PAGE,
      ...(after !== undefined && { after }),
    });
    for (const row of rows) {
      const version = row as unknown as CustomVersion;
      if (versionParts(version.version) === undefined)
        logger.error({ id: row.id }, 'the stored event type is none');
      else types.adopt(version);
    }
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
};

/** Takes over what is registered from now on, whichever process does that. @returns ends it */
export const followCustomTypes = (
  log: Pick<Log, 'onCommit'>,
  types: Pick<CustomTypes, 'adopt'>,
): (() => void) =>
  log.onCommit(({ changed }) => {
    for (const { table, row } of changed)
      if (table === CUSTOM_TYPE_TABLE.name) types.adopt(row as unknown as CustomVersion);
  });

const invalid = (issues: readonly Issue[]): CrucibleError =>
  new CrucibleError('invalid', `The event type is not valid: ${issues[0]?.path}: ${issues[0]?.message}`, {
    issues,
  });

const below = (path: string, issues: readonly Issue[]): readonly Issue[] =>
  issues.map((issue) =>
    Object.assign({}, issue, { path: issue.path === '' ? path : `${path}.${issue.path}` }),
  );

/** All that is wrong with what is to be registered, by itself. */
const issuesOf = (
  { version, schema, example }: CustomTypeInput,
  compile: CompileSchema,
): readonly Issue[] => {
  const issues: Issue[] = [];
  if (versionParts(version) === undefined)
    issues.push({ path: 'version', message: 'must be a plain semantic version from 1.0.0 up, like 1.2.0' });
  const { type } = schema;
  if (type !== 'object')
    issues.push({ path: 'schema.type', message: 'must be "object": payloads are JSON objects' });
  const check = compile(schema);
  if (typeof check !== 'function') return [...issues, ...below('schema', check)];
  return example === undefined ? issues : [...issues, ...below('example', check(example))];
};

/** Registers the payloads of custom types. */
export const createCustomTypeService = ({
  log,
  types,
  compile,
  clock,
  newId,
}: {
  readonly log: Pick<Log, 'append'>;
  readonly types: CustomTypes;
  readonly compile: CompileSchema;
  readonly clock: Clock;
  readonly newId: NewId;
}): CustomTypeService => {
  /** One after the other: each is compared with what the one before has come to. */
  let before: Promise<unknown> = Promise.resolve();

  const typeOf = (given: string): string => {
    const type = catalogue.normalizeType(given);
    if (catalogue.get(type) === undefined) return type;
    throw new CrucibleError(
      'reserved_type',
      `${type} has its schema already; only custom.* types are registered`,
      {
        hint: `for example custom.${type}`,
      },
    );
  };

  /** @throws CrucibleError `conflict` */
  const compareWith = (
    versions: readonly CustomVersion[],
    { type, version, schema }: CustomTypeInput,
  ): void => {
    const newest = versions.at(-1);
    if (newest === undefined) {
      if (types.newest().length < MAX_TYPES) return;
      throw new CrucibleError('conflict', `${MAX_TYPES} event types are registered, which is the most`);
    }
    if (versions.length >= MAX_VERSIONS)
      throw new CrucibleError('conflict', `${type} has ${MAX_VERSIONS} versions, which is the most`);
    if (compareVersions(version, newest.version) <= 0)
      throw new CrucibleError('conflict', `${type} is at ${newest.version}: ${version} must be above it`, {
        hint: 'a version that is registered never changes',
      });
    if (versionParts(version)?.[0] !== versionParts(newest.version)?.[0]) return;
    const broken = below('schema', breakingChanges(newest.schema, schema));
    if (broken.length === 0) return;
    throw new CrucibleError(
      'conflict',
      `${type} ${version} breaks ${newest.version}: ${broken[0]?.path} ${broken[0]?.message}${broken.length > 1 ? ` (and ${broken.length - 1} more)` : ''}`,
      {
        issues: broken.slice(0, 100),
        hint: `only a field more that may be left out is a minor change; register the rest as ${(versionParts(newest.version)?.[0] ?? 0) + 1}.0.0`,
      },
    );
  };

  const register = async (given: CustomTypeInput): Promise<CustomVersion> => {
    const type = typeOf(given.type);
    const issues = issuesOf(given, compile);
    if (issues.length > 0) throw invalid(issues);
    const input = { ...given, type };
    const versions = types.versions(type);
    const known = versions.find(({ version }) => version === given.version);
    if (known !== undefined && canonicalJson(known.schema) === canonicalJson(given.schema)) return known;
    compareWith(versions, input);
    const origin = currentOrigin();
    if (origin === undefined)
      throw new CrucibleError('internal', 'an event type was registered outside of any request');
    const row: CustomVersion = {
      id: rowId(type, given.version),
      type,
      version: given.version,
      description: given.description ?? versions.at(-1)?.description ?? '',
      schema: given.schema,
      example: given.example ?? null,
      created_at: clock.now(),
    };
    await log.append({
      events: [
        buildEvent(
          {
            type: 'system.config_changed',
            payload: { component: 'events', keys: [`event-types.${row.id}`] },
            subject: type,
          },
          origin,
          { newId },
        ),
      ],
      mutations: [{ op: 'create', table: CUSTOM_TYPE_TABLE.name, row: row satisfies Row }],
    });
    types.adopt(row);
    return row;
  };

  return {
    versions: types.versions,
    newest: types.newest,
    judge: types.judge,
    register: async (input) => {
      const mine = before.then(() => register(input));
      before = mine.catch(() => undefined);
      return mine;
    },
  };
};
