import type { JsonValue } from '../kernel/json.ts';

/** The part of JSON Schema 2020-12 that our payload schemas come out as. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: { readonly [name: string]: JsonSchema };
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly JsonValue[];
  readonly const?: JsonValue;
  readonly description?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly [key: string]: unknown;
}

export type JsonType = 'string' | 'number' | 'boolean' | 'null' | 'array' | 'object';
const ALL_TYPES: readonly JsonType[] = ['string', 'number', 'boolean', 'null', 'array', 'object'];

const own = <T>(object: { readonly [key: string]: T }, key: string): T | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** What the schema says of one step down: a property, or an array's item. Empty: there is no such thing. */
export const stepInto = (schemas: readonly JsonSchema[], segment: string): readonly JsonSchema[] =>
  schemas.flatMap((schema): readonly JsonSchema[] => {
    if (schema.anyOf !== undefined) return stepInto(schema.anyOf, segment);
    const types = typesOf([schema]);
    const found: JsonSchema[] = [];
    if (types.has('object')) {
      const property = own(schema.properties ?? {}, segment);
      if (property !== undefined) found.push(property);
      else if (typeof schema.additionalProperties === 'object') found.push(schema.additionalProperties);
      else if (schema.additionalProperties !== false) found.push({});
    }
    if (types.has('array') && /^\d+$/.test(segment))
      found.push(typeof schema.items === 'object' ? schema.items : {});
    return found;
  });

/** Which JSON types a value may have. */
export const typesOf = (schemas: readonly JsonSchema[]): ReadonlySet<JsonType> => {
  const types = new Set<JsonType>();
  for (const schema of schemas) {
    if (schema.anyOf !== undefined) for (const type of typesOf(schema.anyOf)) types.add(type);
    else if (schema.type !== undefined) for (const type of [schema.type].flat()) types.add(named(type));
    else if (schema.enum !== undefined) for (const value of schema.enum) types.add(jsonTypeOf(value));
    else if (schema.const !== undefined) types.add(jsonTypeOf(schema.const));
    else for (const type of ALL_TYPES) types.add(type);
  }
  return types;
};

const named = (type: string): JsonType => (type === 'integer' ? 'number' : (type as JsonType));

export const jsonTypeOf = (value: JsonValue): JsonType => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as 'string' | 'number' | 'boolean' | 'object';
};

/** The names that may stand at a place, for "did you mean". */
export const namesAt = (schemas: readonly JsonSchema[]): readonly string[] =>
  schemas.flatMap((schema) => [
    ...Object.keys(schema.properties ?? {}),
    ...(schema.anyOf === undefined ? [] : namesAt(schema.anyOf)),
  ]);
