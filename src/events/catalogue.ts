/**
 * Every event type there is. Whatever asks what a type is called, what its payload may hold or what it once held asks
 * here; `custom.*` types are any JSON object.
 */
import { z } from 'zod';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { CrucibleEvent } from './envelope.ts';
import { majorOf, type EventType } from './event-type.ts';
import { agentEvents } from './families/agent.ts';
import { fileEvents } from './families/file.ts';
import { flowEvents } from './families/flow.ts';
import { graphEvents } from './families/graph.ts';
import { hookEvents } from './families/hook.ts';
import { memoryEvents } from './families/memory.ts';
import { systemEvents } from './families/system.ts';
import { webhookEvents } from './families/webhook.ts';
import type { JsonSchema } from './json-schema.ts';
import { didYouMean } from './nearest.ts';
import { sampleOf } from './sample.ts';
import { canonicalType, familyOf, isCustomType, type TypeInput } from './type-name.ts';

const definitions = [
  ...memoryEvents,
  ...graphEvents,
  ...fileEvents,
  ...agentEvents,
  ...flowEvents,
  ...systemEvents,
  ...hookEvents,
  ...webhookEvents,
] as const;

type Definition = (typeof definitions)[number];

/** The names of the types that the catalogue defines. */
export type KnownType = Definition['type'];

/** The type of an event's payload: `PayloadOf<'memory.created'>`. For a custom type, any JSON object. */
export type PayloadOf<Type extends string> = Type extends KnownType
  ? z.output<Extract<Definition, { readonly type: Type }>['schema']>
  : JsonObject;

/** The version of a custom type whose publisher names none. */
export const CUSTOM_VERSION = '1.0.0';

const MAX_SPELLINGS = 1_000;

export interface Catalogue {
  /** Undefined for custom types and for unknown ones. */
  get(type: string): EventType | undefined;
  /** In the order of the families. */
  list(): readonly EventType[];
  /** Whether events of this canonical name can exist. */
  has(type: string): boolean;
  /**
   * The canonical name of a type that exists, from any accepted spelling.
   * @throws CrucibleError `unknown_event_type`, with the nearest known one as its hint
   */
  normalizeType(input: TypeInput): string;
  /** All that keeps a payload from fitting the newest schema; paths begin at the payload. Empty: it fits. */
  validate(type: string, payload: unknown): readonly Issue[];
  /**
   * Brings an event of an older major to the newest one, and leaves any other as it is. An event of a newer major than
   * this program knows stays too: who reads it must be able to see it.
   */
  upcast<E extends Pick<CrucibleEvent, 'type' | 'version' | 'payload'>>(event: E): E;
  /** The payload's JSON Schema (2020-12); for a custom type, of any object. Undefined: no such type. */
  jsonSchema(type: string): JsonSchema | undefined;
  /** A payload that fits; the same seed gives the same one. @throws CrucibleError `unknown_event_type` */
  sample(type: string, seed: number): JsonObject;
}

/** A catalogue of these definitions; without an argument, of the eight families. */
export const createCatalogue = (
  types: readonly EventType[] = definitions as readonly unknown[] as EventType[],
): Catalogue => {
  const byType = new Map(types.map((type) => [type.type, type]));
  if (byType.size !== types.length) throw new Error('two event types have one name');
  const schemas = new Map<string, JsonSchema>();
  /** Spellings that were met, for a publisher repeats a few of them for ever. */
  const spellings = new Map<string, string>();
  const has = (type: string): boolean =>
    byType.has(type) || spellings.get(type) === type || isCustomType(type);

  const jsonSchema = (type: string): JsonSchema | undefined => {
    const definition = byType.get(type);
    if (definition === undefined) return isCustomType(type) ? { type: 'object' } : undefined;
    let schema = schemas.get(type);
    if (schema === undefined) schemas.set(type, (schema = z.toJSONSchema(definition.schema) as JsonSchema));
    return schema;
  };

  const normalizeType = (input: TypeInput): string => {
    const met = typeof input === 'string' ? spellings.get(input) : undefined;
    if (met !== undefined) return met;
    const type = canonicalType(input);
    if (!has(type)) {
      throw new CrucibleError('unknown_event_type', unknownTypeMessage(type), hintFor(type, byType.keys()));
    }
    if (typeof input === 'string' && spellings.size < MAX_SPELLINGS) spellings.set(input, type);
    return type;
  };

  return {
    get: (type) => byType.get(type),
    list: () => types,
    has,
    normalizeType,
    jsonSchema,
    validate: (type, payload) => {
      if (!isPlainObject(payload)) return [{ path: '', message: 'the payload must be a JSON object' }];
      const definition = byType.get(type);
      if (definition === undefined) return has(type) ? [] : [{ path: '', message: unknownTypeMessage(type) }];
      const result = definition.schema.safeParse(payload);
      return result.success ? [] : result.error.issues.flatMap((issue) => issuesOf(issue, definition));
    },
    upcast: (event) => {
      const definition = byType.get(event.type);
      if (definition === undefined || event.version === definition.version) return event;
      const from = majorOf(event.version);
      const steps = definition.upcasters.filter((upcaster) => upcaster.from >= from);
      if (steps.length === 0) return event;
      const payload = steps.reduce((older, step) => step.upcast(older), event.payload);
      return { ...event, version: definition.version, payload };
    },
    sample: (type, seed) => sampleOf(jsonSchema(normalizeType(type)) ?? {}, seed),
  };
};

/** The schemas of these types, without those of types that are unknown. */
export const schemasOf = (
  types: readonly string[],
  catalogue: Pick<Catalogue, 'jsonSchema'>,
): readonly JsonSchema[] =>
  types.flatMap((type): readonly JsonSchema[] => {
    const schema = catalogue.jsonSchema(type);
    return schema === undefined ? [] : [schema];
  });

const unknownTypeMessage = (type: string): string => {
  if (familyOf(type) === 'custom')
    return `\`${type}\` is not a custom type: write \`custom.<name>\`, names of a-z, 0-9, _ and -, dots between them`;
  return `there is no event type \`${type}\``;
};

const hintFor = (type: string, known: Iterable<string>): { hint: string } =>
  didYouMean(type, known) ?? {
    hint: 'the event types are listed at GET /api/v1/event-types; your own begin with `custom.`',
  };

const isPlainObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type ZodIssue = z.core.$ZodIssue;

const issuesOf = (issue: ZodIssue, { type, version, schema }: EventType): readonly Issue[] => {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: `${type} ${version} has no such field`,
      ...(path === '' ? didYouMean(key, Object.keys(schema.shape)) : undefined),
    }));
  }
  const message = issue.message
    .replace(/^Invalid input: /, '')
    .replace(/, received undefined$/, ', but it is missing');
  return [{ path, message }];
};

/** The eight families. */
export const catalogue: Catalogue = createCatalogue();
